import { KeysteadError } from '../../core/errors.ts';
import type { DefineCommand } from '../command.ts';
import { runChild } from '../run-child.ts';
import { withFile } from '../secrets/one-file.ts';
import { plainValues, type SealOptions, sealOptions } from '../secrets/work.ts';

/** `keystead secrets exec FILE -- COMMAND…`: the values are in the environment of the command, and nowhere else. */
export const define: DefineCommand = (command, { io, result }) => {
  sealOptions(command)
    .argument('<file>', 'secrets file')
    .argument('<command...>', 'command with its arguments; its exit status is that of this one')
    .passThroughOptions()
    .action(async (path: string, words: readonly string[], options: SealOptions) => {
      // Commander keeps the dashes where options are passed through.
      const [program, ...args] = words[0] === '--' ? words.slice(1) : words;
      if (program === undefined) throw new KeysteadError('bad-usage', 'a command is missing');
      const { variablesOf } = await import('../../secrets-file/export.ts');
      const variables = await withFile(io, path, options, async ({ file, work }) =>
        variablesOf(file, await plainValues(file, file.parameters, work)),
      );
      const given = Object.fromEntries(variables.map(({ name, value }) => [name, value]));
      result.exitStatus = await runChild(program, args, { ...io.env, ...given });
    });
};
