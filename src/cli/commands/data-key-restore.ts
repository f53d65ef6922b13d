import { type DefineCommand, dataKeyId, formatOption } from '../command.ts';
import { type ConnectOptions, connect, connectOptions } from '../connect.ts';
import { dataKeyInfoJson, dataKeyInfoText } from '../data-key-text.ts';
import { type Format, print } from '../output.ts';

/** `keystead data-key restore ID` */
export const define: DefineCommand = (command, { io }) => {
  connectOptions(command.argument('<id>', 'id of the data key'))
    .addOption(formatOption())
    .action(async (id: string, options: ConnectOptions & { output?: Format }) => {
      const info = await connect(io, options).restore(dataKeyId(id), { signal: io.interrupted() });
      await print(io, options.output ?? 'plain', dataKeyInfoJson(info), () => dataKeyInfoText(info));
    });
};
