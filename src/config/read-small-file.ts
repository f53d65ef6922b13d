import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

// Opening a pipe would wait for its writer; with O_NONBLOCK it does not, and is then refused as no file.
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Reads a file that people wrote: a secret, a certificate, a configuration.
 *
 * Promises: a pipe, a device or a folder is refused and never waited for; no more than `max` bytes are kept, whatever
 * size the file claims; the bytes given are nobody else's, and no copy of them stays behind. Throws as `node:fs` does,
 * with the reason as `code`.
 */
export async function readSmallFile(path: string, max: number): Promise<Buffer> {
  let handle: FileHandle | undefined;
  const buffer = Buffer.alloc(max + 1);
  try {
    handle = await open(path, FLAGS);
    assertFile(await handle.stat());
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return kept(buffer, length);
  } finally {
    buffer.fill(0);
    await handle?.close();
  }
}

/** The same for those who cannot wait. */
export function readSmallFileSync(path: string, max: number): Buffer {
  const file = openSync(path, FLAGS);
  const buffer = Buffer.alloc(max + 1);
  try {
    assertFile(fstatSync(file));
    let length = 0;
    while (length < buffer.length) {
      const read = readSync(file, buffer, length, buffer.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return kept(buffer, length);
  } finally {
    buffer.fill(0);
    closeSync(file);
  }
}

function assertFile(stat: { isFile(): boolean; isDirectory(): boolean }): void {
  if (stat.isDirectory()) throw failure('EISDIR');
  if (!stat.isFile()) throw failure('it is not a file');
}

function kept(buffer: Buffer, length: number): Buffer {
  if (length === buffer.length) throw failure(`it is larger than ${length - 1} bytes`);
  // Not Buffer.from: that may give memory out of a pool that others use too.
  const bytes = Buffer.alloc(length);
  buffer.copy(bytes, 0, 0, length);
  return bytes;
}

/** In the form of the system's own errors, which callers put into words by their `code`. */
function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`the file cannot be read: ${code}`), { code });
}
