import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { KeysteadError } from '../../core/errors.ts';
import type { DefineCommand } from '../command.ts';
import { withFile } from '../secrets/one-file.ts';
import { plainValues, type SealOptions, sealOptions } from '../secrets/work.ts';

/** Told to the child as well. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

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
      result.exitStatus = await run(program, args, { ...io.env, ...given });
    });
};

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: 'inherit' });
    const pass = (signal: NodeJS.Signals) => child.kill(signal);
    for (const signal of SIGNALS) process.on(signal, pass);
    const over = () => {
      for (const signal of SIGNALS) process.off(signal, pass);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      over();
      reject(new KeysteadError('bad-usage', `${program} cannot be run (${error.code ?? 'unknown'})`, { cause: error }));
    });
    child.once('exit', (status, signal) => {
      over();
      resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
