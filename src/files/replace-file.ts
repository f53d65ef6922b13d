import { randomBytes } from 'node:crypto';
import { lstat, open, readdir, readFile, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, parse } from 'node:path';
import { KeysteadError } from '../core/errors.ts';
import { unreadable } from '../core/unreadable.ts';
import { guarded } from './guard.ts';
import { fileFailure, syncFolder } from './new-file.ts';

/** Milliseconds after which nobody writes a temporary file any more; whoever did all the same gets an error. */
const LEFT_BEHIND = 60_000;
const NEW_MODE = 0o600;

interface Owned {
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Puts a new text in the place of a file.
 *
 * Promises: at every moment the file is whole, the old one or the new one; its mode stays, and a link that leads to it
 * stays a link; the new text was read back from the disk before it took the place. Where the file is no longer what
 * was read, nothing is written: `concurrent-write`. Nothing stays beside it, also after SIGKILL; what a machine left
 * that stopped is taken away by the next call for the same file.
 *
 * @param old what was read; undefined where there was no file: then only its owner may read the new one.
 */
export async function replaceFile(path: string, old: string | undefined, text: string): Promise<void> {
  const target = await targetOf(path, old);
  const as: Owned = old === undefined ? { mode: NEW_MODE } : await ownedBy(target, path);
  const temporary = join(dirname(target), temporaryName(basename(target)));
  const guard = guarded(temporary);
  try {
    await sweep(target);
    await writeWhole(temporary, text, as);
    if ((await readFile(temporary, 'utf8')) !== text) {
      throw new KeysteadError('cannot-write', `${path}: the disk gives back something else than was written`);
    }
    if ((await textOf(target)) !== old) {
      throw new KeysteadError('concurrent-write', `${path} was changed by somebody else; nothing was written`);
    }
    await rename(temporary, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error instanceof KeysteadError ? error : fileFailure(path, error);
  } finally {
    guard.release();
  }
}

async function targetOf(path: string, old: string | undefined): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (old === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return path;
    throw unreadable(path, error);
  }
}

/** Throws for a pipe or a device: a rename would take it away for everybody, `/dev/null` too. */
async function ownedBy(target: string, path: string): Promise<Owned> {
  const found = await stat(target);
  if (found.isFile()) return found;
  throw new KeysteadError('cannot-write', `${path} is not a file that could be replaced; nothing was written`);
}

/** Hidden, and with the ending of the file: whoever looks for secrets in plain text finds it, too. */
function temporaryName(base: string): string {
  const { name, ext } = parse(base);
  return `.${name}.${randomBytes(6).toString('hex')}.tmp${ext}`;
}

function isTemporaryOf(base: string, found: string): boolean {
  const { name, ext } = parse(base);
  if (!found.startsWith(`.${name}.`) || !found.endsWith(`.tmp${ext}`)) return false;
  return /^[0-9a-f]{12}$/.test(found.slice(name.length + 2, -(ext.length + 4)));
}

/** A machine that stops, or a guard that is killed, too, leaves plain text. */
async function sweep(target: string): Promise<void> {
  for (const found of await readdir(dirname(target))) {
    if (!isTemporaryOf(basename(target), found)) continue;
    const path = join(dirname(target), found);
    try {
      const entry = await lstat(path);
      if (entry.isFile() && entry.mtimeMs < Date.now() - LEFT_BEHIND) await unlink(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

async function textOf(target: string): Promise<string | undefined> {
  try {
    return await readFile(target, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeWhole(path: string, text: string, as: Owned): Promise<void> {
  const file = await open(path, 'wx', NEW_MODE);
  try {
    await file.writeFile(text);
    const { uid, gid } = await file.stat();
    const owner = { uid: as.uid ?? uid, gid: as.gid ?? gid };
    // Only root can give a file away; whoever may write it keeps it readable for those who could read it.
    if (owner.uid !== uid || owner.gid !== gid) await file.chown(owner.uid, owner.gid).catch(() => undefined);
    await file.chmod(as.mode & 0o7777);
    await file.sync();
  } finally {
    await file.close();
  }
}
