import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import nodeModule from 'node:module';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative } from 'node:path';

/** Bits of a folder's mode by which others could put something into it. */
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Has Node keep what it compiled, for the next start of the same command, where that is as safe as the user's own
 * programs: in a folder that nobody but this user, or the root of the machine, can write to or move away. What lies
 * there is code, and Node believes it. Without such a folder nothing is kept, and nothing is said.
 */
export function keepCompiled(env: Readonly<Record<string, string | undefined>>): void {
  const uid = process.getuid?.();
  if (uid === undefined) return;
  try {
    const caches = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
    if (!isAbsolute(caches)) return;
    const wanted = join(caches, 'keystead', 'compiled');
    const there = firstThere(wanted);
    const folder = join(realpathSync(there), relative(there, wanted));
    if (!isOurs(firstThere(folder), uid)) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (isOurs(folder, uid)) nodeModule.enableCompileCache(folder);
  } catch {
    // A start without it is slower, and that is all.
  }
}

function firstThere(path: string): string {
  while (lstatSync(path, { throwIfNoEntry: false }) === undefined) path = dirname(path);
  return path;
}

/** Whether the folder, and every one on the way to it, is for us or root to change. */
function isOurs(path: string, uid: number): boolean {
  const entry = lstatSync(path);
  if (!entry.isDirectory() || (entry.uid !== uid && entry.uid !== 0)) return false;
  if ((entry.mode & WRITABLE_BY_OTHERS) !== 0) return false;
  return path === dirname(path) || isOurs(dirname(path), uid);
}
