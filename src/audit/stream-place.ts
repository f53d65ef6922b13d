import type { Writable } from 'node:stream';
import type { LinePlace } from './place.ts';

/**
 * Bytes that a pipe takes in one piece (PIPE_BUF on Linux): processes that share a pipe never cut each other's lines
 * as long as no write is longer.
 */
export const MAX_WRITE = 4096;

/**
 * A stream of this process, such as its standard output. For a file, a pipe or a terminal the operating system has the
 * lines when `append` resolves; they are not synced to a disk. A stream that has failed fails for ever.
 */
export function streamPlace(stream: Writable, name = 'stdout'): LinePlace {
  let failure: Error | undefined;
  // Without a listener an `error` event (a reader that went away) would end the process.
  stream.on('error', (error) => {
    failure ??= error;
  });
  return {
    name,
    maxBatch: MAX_WRITE,
    recovers: false,
    append(lines) {
      if (failure !== undefined) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        stream.write(lines, (error) => (error ? reject(error) : resolve()));
      });
    },
    close: async () => {},
  };
}
