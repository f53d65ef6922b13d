import type { DefineCommand } from '../command.ts';
import { write } from '../output.ts';
import { withFile } from '../secrets/one-file.ts';
import { plainValues, type SealOptions, sealOptions } from '../secrets/work.ts';

/** `keystead secrets get FILE NAME`: the value, and nothing else. */
export const define: DefineCommand = (command, { io }) => {
  sealOptions(command)
    .argument('<file>', 'secrets file')
    .argument('<name>', 'name of the parameter')
    .action(async (path: string, name: string, options: SealOptions) => {
      const { picked } = await import('../../secrets-file/export.ts');
      await withFile(io, path, options, async ({ file, work }) => {
        const [one] = await plainValues(file, picked(file.parameters, [name]), work);
        await write(io.stdout, one?.value ?? '');
      });
    });
};
