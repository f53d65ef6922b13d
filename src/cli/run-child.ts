import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { KeysteadError } from '../core/errors.ts';

/** Exit status of a command that a signal ended: this and the signal's number, as shells have it. */
const BY_SIGNAL = 128;

const PASSED = ['SIGTERM', 'SIGHUP'] as const;
/** A terminal sends them to the command too, which decides what they mean; twice would mean something else. */
const OF_A_TERMINAL = ['SIGINT', 'SIGQUIT'] as const;

/**
 * Runs a command on our own streams, hands signals on, and gives its exit status. No signal that a command can survive
 * ends this process before it. Throws `no-file` or `cannot-read` where it cannot be run.
 */
export async function runChild(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(program, args, { env, stdio: 'inherit' });
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  const leave = () => {};
  const listeners = [
    ...PASSED.map((signal) => [signal, pass] as const),
    ...OF_A_TERMINAL.map((signal) => [signal, process.stdin.isTTY === true ? leave : pass] as const),
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);
  try {
    const [status, signal]: [number | null, NodeJS.Signals | null] = (await once(child, 'close')) as never;
    return status ?? BY_SIGNAL + (signal === null ? 0 : constants.signals[signal]);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new KeysteadError('no-file', `the command ${program} is not there`, { cause: error });
    throw new KeysteadError('cannot-read', `the command ${program} cannot be run (${code})`, { cause: error });
  } finally {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  }
}
