import { type DefineCommand, formatOption } from '../command.ts';
import { type ConnectOptions, connect, connectOptions } from '../connect.ts';
import { type Format, print } from '../output.ts';
import { statusText } from '../status-text.ts';

/** `keystead status`: needs no credentials, and tells more to those who show some. */
export const define: DefineCommand = (command, { io }) => {
  connectOptions(command)
    .addOption(formatOption())
    .action(async (options: ConnectOptions & { output?: Format }) => {
      const status = await connect(io, options).status({ signal: io.interrupted() });
      await print(io, options.output ?? 'plain', status, () => statusText(status));
    });
};
