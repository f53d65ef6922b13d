import { KeysteadError } from '../../core/errors.ts';
import { type DefineCommand, dataKeyId, formatOption } from '../command.ts';
import { type ConnectOptions, connect, connectOptions } from '../connect.ts';
import { dataKeyInfoJson, dataKeyInfoText } from '../data-key-text.ts';
import { type JobFlags, jobOptions, pageOf, runJob } from '../job.ts';
import { type Format, print } from '../output.ts';

interface Options extends ConnectOptions, JobFlags {
  readonly all?: true;
  readonly output?: Format;
}

/** `keystead data-key rewrap ID | --all` */
export const define: DefineCommand = (command, context) => {
  const { io } = context;
  jobOptions(connectOptions(command.argument('[id]', 'id of the data key')).option('--all', 'every stored data key'))
    .addOption(formatOption())
    .action(async (id: string | undefined, options: Options) => {
      if ((id === undefined) !== (options.all === true)) {
        throw new KeysteadError('bad-usage', 'give either the id of a data key or --all');
      }
      const client = connect(io, options);
      const signal = io.interrupted();
      if (id === undefined) return runJob(client.rewrapAll({ ...pageOf(options), signal }), options, context);
      if (options.resume !== undefined || options.pageSize !== undefined) {
        throw new KeysteadError('bad-usage', '--resume and --page-size go with --all');
      }
      const { rewrapped, ...info } = await client.rewrap(dataKeyId(id), { signal });
      await print(io, options.output ?? 'plain', { ...dataKeyInfoJson(info), rewrapped }, () =>
        dataKeyInfoText(info, { rewrapped }),
      );
    });
};
