import type { Readable, Writable } from 'node:stream';
import type { HeldHangups } from './hangups.ts';

/** What a command has of the world outside: tests bring their own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin?: Readable;
  /** Results, and nothing else. */
  readonly stdout: Writable & { readonly isTTY?: boolean };
  /** Everything else. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /**
   * Aborted when the user presses Ctrl-C, or one of `others` comes; whoever asks for it takes over from the runtime's
   * own answer to those signals.
   */
  interrupted(...others: readonly NodeJS.Signals[]): AbortSignal;
  /** Where SIGHUP is held back until somebody obeys it. */
  readonly hangups?: HeldHangups | undefined;
  /** What starts this program anew, whatever the PATH holds. */
  readonly program?: readonly string[];
}

/** The process's own streams, environment and signals. */
export function systemIo(hangups?: HeldHangups): Io {
  const { env, stdin, stdout, stderr } = process;
  // A reader that goes away is told by the write that fails; the event would end the process with a stack trace.
  stdout.on('error', () => undefined);
  stderr.on('error', () => undefined);
  const program = [process.execPath, ...process.argv.slice(1, 2)];
  return { env, stdin, stdout, stderr, interrupted, hangups, program };
}

function interrupted(...others: readonly NodeJS.Signals[]): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', ...others] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}
