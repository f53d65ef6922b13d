import type { DefineCommand } from '../command.ts';
import { formatOption } from '../command.ts';
import { type ConnectOptions, connect, connectOptions } from '../connect.ts';
import { type JobFlags, jobOptions, pageOf, runJob } from '../job.ts';
import type { Format } from '../output.ts';

/** `keystead storage verify` */
export const define: DefineCommand = (command, context) => {
  jobOptions(connectOptions(command))
    .addOption(formatOption())
    .action(async (options: ConnectOptions & JobFlags & { output?: Format }) => {
      const { io } = context;
      const pages = connect(io, options).verifyStorage({ ...pageOf(options), signal: io.interrupted() });
      await runJob(pages, options, context);
    });
};
