import type { Writable } from 'node:stream';

/** Milliseconds that the reader of stderr may take for the last lines. */
const LAST_WORDS = 1000;

/**
 * Ends the process, once stderr has taken what was written to it.
 *
 * Explicitly, since a write that a stalled reader of stdout never takes, or a socket that somebody forgot, would keep it
 * alive for ever. Whoever writes results to stdout has waited for them by now.
 */
export async function endProcess(process: NodeJS.Process, exitStatus: number): Promise<void> {
  await taken(process.stderr);
  process.exit(exitStatus);
}

function taken(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, LAST_WORDS);
    stream.write('', () => {
      clearTimeout(late);
      resolve();
    });
  });
}
