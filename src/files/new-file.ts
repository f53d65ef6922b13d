import { open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KeysteadError } from '../core/errors.ts';

/**
 * Makes a file that only its owner may read, fills it, and has it on the disk before it answers.
 *
 * Promises: an existing file, or what a link of that name leads to, is never touched: `file-exists`. When anything
 * fails, `fill` included, the file is not there. The caller wipes the bytes.
 *
 * @param fill is asked for the bytes once the file is known to be ours.
 */
export async function writeNewFile(path: string, fill: () => Promise<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error) => {
    throw fileFailure(path, error);
  });
  try {
    await file.writeFile(await fill());
    await file.sync();
    await syncFolder(dirname(path));
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error instanceof KeysteadError ? error : fileFailure(path, error);
  } finally {
    await file.close();
  }
}

/** A new name is on the disk when its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'the folder is not there',
  ENOSPC: 'the disk is full, ENOSPC',
  EDQUOT: 'the quota of the disk is used up, EDQUOT',
  EROFS: 'the disk is read-only, EROFS',
};

/** `file-exists`, or `cannot-write` with the system's own word. */
export function fileFailure(path: string, error: unknown): KeysteadError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  if (code === 'EEXIST') {
    return new KeysteadError('file-exists', `${path} exists already and is not overwritten`, { cause: error });
  }
  return new KeysteadError('cannot-write', `${path} cannot be written (${WHY[code] ?? code})`, { cause: error });
}
