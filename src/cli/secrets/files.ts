import { randomBytes } from 'node:crypto';
import { open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KeysteadError } from '../../core/errors.ts';
import { unreadable } from '../../core/unreadable.ts';
import type { Io } from '../io.ts';
import { fileFailure, syncFolder } from '../new-file.ts';

/** Standard input. */
export const STDIN = '-';

/** A file as it was read. */
export interface Input {
  /** For messages. */
  readonly name: string;
  readonly text: string;
}

/** Reads a file or, for `-`, standard input. Throws `no-file`, `cannot-read`, or `bad-secrets-file` where it is not UTF-8. */
export async function readInput(path: string, io: Io): Promise<Input> {
  const name = path === STDIN ? 'standard input' : path;
  const bytes = await (path === STDIN ? readAll(io) : readFile(path)).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  return { name, text: decoded(bytes, name) };
}

async function readAll({ stdin }: Io): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin ?? []) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function decoded(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new KeysteadError('bad-secrets-file', `${name}: it is not UTF-8`, { cause: error });
  }
}

/**
 * Puts a new text in the place of a file.
 *
 * Promises: at every moment the file is whole, the old one or the new one; its mode stays, and a link that leads to it
 * stays a link; the new text was read back from the disk before it took the place. Where the file is no longer what
 * was read, nothing is written: `concurrent-write`.
 */
export async function replaceFile(path: string, old: string, text: string): Promise<void> {
  const target = await realpath(path).catch((error) => {
    throw unreadable(path, error);
  });
  const { mode, uid, gid } = await stat(target);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeWhole(temporary, text, { mode: mode & 0o7777, uid, gid });
    if ((await readFile(temporary, 'utf8')) !== text) {
      throw new KeysteadError('cannot-write', `${path}: the disk gives back something else than was written`);
    }
    if ((await readFile(target, 'utf8')) !== old) {
      throw new KeysteadError('concurrent-write', `${path} was changed by somebody else; nothing was written`);
    }
    await rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error instanceof KeysteadError ? error : fileFailure(path, error);
  }
}

async function writeWhole(path: string, text: string, as: { mode: number; uid: number; gid: number }): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    const made = await file.stat();
    // Only root can give a file away; whoever may write it keeps it readable for those who could read it.
    if (made.uid !== as.uid || made.gid !== as.gid) await file.chown(as.uid, as.gid).catch(() => undefined);
    await file.chmod(as.mode);
    await file.sync();
  } finally {
    await file.close();
  }
}
