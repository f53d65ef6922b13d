import { type DefineCommand, formatOption } from '../command.ts';
import { type Format, print } from '../output.ts';
import { withFile } from '../secrets/one-file.ts';
import { plainValues, type SealOptions, sealOptions } from '../secrets/work.ts';

/** `keystead secrets get FILE NAME`: the value, and nothing else; as JSON, its name too. */
export const define: DefineCommand = (command, { io }) => {
  sealOptions(command)
    .argument('<file>', 'secrets file')
    .argument('<name>', 'name of the parameter')
    .addOption(formatOption())
    .action(async (path: string, name: string, options: SealOptions & { readonly output?: Format }) => {
      const { picked } = await import('../../secrets-file/export.ts');
      await withFile(io, path, options, async ({ file, work }) => {
        const [one] = await plainValues(file, picked(file.parameters, [name]), work);
        const value = one?.value ?? '';
        await print(io, options.output ?? 'plain', { name, value }, () => value);
      });
    });
};
