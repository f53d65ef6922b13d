import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { KeysteadError } from '../../core/errors.ts';
import { type AccessFlags, accessOptions, accountOf, withAccess } from '../access-options.ts';
import type { DefineCommand } from '../command.ts';
import { sessionEnvironment } from '../session-variables.ts';

/** Exit status of a command that a signal ended: this and the signal's number, as shells have it. */
const BY_SIGNAL = 128;

/** `keystead access exec … -- COMMAND…` */
export const define: DefineCommand = (command, { io, result }) => {
  accessOptions(command)
    .argument('<command...>', 'the command and its arguments, behind --')
    .action(async ([program = '', ...args]: readonly string[], flags: AccessFlags) => {
      const account = accountOf(flags);
      const session = await withAccess(flags, io, (access, call) => access.session(account, flags.region, call));
      result.exitStatus = await run(program, args, sessionEnvironment(io.env, session));
    });
};

/** Ctrl-C reaches the whole group of processes: the command decides what it means, and we wait for it. */
async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(program, args, { env, stdio: 'inherit' });
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  process.on('SIGTERM', pass);
  try {
    const [status, signal]: [number | null, NodeJS.Signals | null] = (await once(child, 'close')) as never;
    return status ?? BY_SIGNAL + (signal === null ? 0 : constants.signals[signal]);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new KeysteadError('no-file', `the command ${program} is not there`, { cause: error });
    throw new KeysteadError('cannot-read', `the command ${program} cannot be run (${code})`, { cause: error });
  } finally {
    process.off('SIGTERM', pass);
  }
}
