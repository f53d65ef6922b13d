import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, stat, unlink } from 'node:fs/promises';
import type { SealedPlace } from '../access/sealed-sessions.ts';
import { readSmallFile } from '../config/read-small-file.ts';
import { KeysteadError } from '../core/errors.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import { unreadable } from '../core/unreadable.ts';

/** Bytes: 10,000 sessions of some kilobytes. */
const MAX_SESSIONS_FILE = 64 * 1024 * 1024;
const KEY_LENGTH = 32;
const OTHERS = 0o077;

/** A file with sealed sessions. Only its owner may read it, and one that others may read or write is refused. */
export function sessionFile(path: string): SealedPlace {
  return {
    async read() {
      const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw unreadable(`the cache of sessions ${path}`, error);
      });
      if (found === undefined) return undefined;
      if ((found.mode & OTHERS) !== 0) {
        const says = `others than its owner may read the cache of sessions ${path}; remove it, or run: chmod 600 ${path}`;
        throw new KeysteadError('cannot-read', says);
      }
      return readSmallFile(path, MAX_SESSIONS_FILE).catch((error) => {
        throw unreadable(`the cache of sessions ${path}`, error);
      });
    },
    write: (bytes) => replaceFile(path, bytes),
  };
}

/** Under another name first: whoever reads, reads all of the old one or all of the new one. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const fresh = `${path}.${randomUUID()}`;
  let file: FileHandle | undefined;
  try {
    file = await open(fresh, 'wx', 0o600);
    await file.writeFile(bytes);
    await file.close();
    await rename(fresh, path);
  } catch (error) {
    await file?.close().catch(() => {});
    await unlink(fresh).catch(() => {});
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new KeysteadError('cannot-write', `the cache of sessions ${path} cannot be written (${code})`, {
      cause: error,
    });
  }
}

/** The key that sessions are sealed under: 32 raw bytes of a file. The caller disposes it. */
export async function readSessionKey(path: string): Promise<SecretBytes> {
  const what = `the key of the cache of sessions ${path}`;
  const bytes = await readSmallFile(path, KEY_LENGTH).catch((error) => {
    throw unreadable(what, error);
  });
  if (bytes.length === KEY_LENGTH) return SecretBytes.own(bytes);
  bytes.fill(0);
  throw new KeysteadError(
    'bad-usage',
    `${what} must have ${KEY_LENGTH} bytes; make one: head -c ${KEY_LENGTH} /dev/urandom > FILE`,
  );
}
