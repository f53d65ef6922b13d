import { fstatSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { LinePlace } from './place.ts';

/**
 * Bytes that a pipe takes in one piece (PIPE_BUF on Linux): processes that share a pipe never cut each other's lines
 * as long as no write is longer.
 */
export const MAX_WRITE = 4096;
/** A file takes longer ones in one piece, too. */
const MAX_FILE_WRITE = 64 * 1024;

/**
 * A stream of this process, such as its standard output. For a file, a pipe or a terminal the operating system has the
 * lines when `append` resolves; they are not synced to a disk. A stream that has failed fails for ever.
 */
export function streamPlace(
  stream: Writable & { readonly fd?: number },
  name = 'stdout',
  write: (fd: number, bytes: Buffer, from: number) => number = writeSync,
): LinePlace {
  let failure: unknown;
  // Without a listener an `error` event (a reader that went away) would end the process.
  stream.on('error', (error) => {
    failure ??= error;
  });
  const { fd } = stream;
  // Node writes to a file without looking how much of it a full disk has taken; nor does it wait there for anybody.
  const file = fd !== undefined && fstatSync(fd).isFile() ? fd : undefined;
  const toFile = (to: number, lines: string) => {
    const bytes = Buffer.from(lines);
    try {
      for (let from = 0; from < bytes.length; ) from += write(to, bytes, from);
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  return {
    name,
    maxBatch: file === undefined ? MAX_WRITE : MAX_FILE_WRITE,
    recovers: false,
    async append(lines) {
      if (failure !== undefined) throw failure;
      if (file !== undefined) return toFile(file, lines);
      await new Promise<void>((resolve, reject) => {
        stream.write(lines, (error) => (error ? reject(error) : resolve()));
      });
    },
    close: async () => {},
  };
}
