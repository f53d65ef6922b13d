import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { unreadable } from '../../core/unreadable.ts';

/** Folders that hold other people's files. */
const NOT_ENTERED = ['.git', 'node_modules'];

/**
 * The secrets files among paths: files as they are given; of folders every `.yml` and `.yaml` within that has a secrets
 * file's fields, in order. Links within folders are not followed.
 */
export async function secretsFilesIn(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const entry = await stat(path).catch((error) => {
      throw unreadable(path, error);
    });
    found.push(...(entry.isDirectory() ? await walk(path) : [path]));
  }
  return found;
}

async function walk(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !NOT_ENTERED.includes(entry.name)) found.push(...(await walk(path)));
    if (entry.isFile() && /\.ya?ml$/i.test(entry.name) && (await looksLikeOne(path))) found.push(path);
  }
  return found;
}

async function looksLikeOne(path: string): Promise<boolean> {
  try {
    return looksLikeSecrets(await readFile(path, 'utf8'));
  } catch (error) {
    // Somebody's temporary file, mostly.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw unreadable(path, error);
  }
}

/** Other YAML has not both of these at its top; one that has and is damaged must be told, not passed over. */
export function looksLikeSecrets(text: string): boolean {
  return /(?:^|[{,])[\s\ufeff]*["']?parameters["']?\s*:/m.test(text) && /["'{, ]*\b(?:path|kek)["']?\s*:/m.test(text);
}
