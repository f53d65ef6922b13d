import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { unreadable } from '../../core/unreadable.ts';
import { STDIN } from './files.ts';

/** Folders that hold other people's files. */
const NOT_ENTERED = ['.git', 'node_modules'];

/**
 * The secrets files among paths: files, and `-`, as they are given; of folders every `.yml` and `.yaml` within that has a
 * secrets file's fields, in order. Links within folders are not followed.
 */
export async function secretsFilesIn(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) found.push(...((await isFolder(path)) ? await walk(path) : [path]));
  return found;
}

async function isFolder(path: string): Promise<boolean> {
  if (path === STDIN) return false;
  const entry = await stat(path).catch((error) => {
    throw unreadable(path, error);
  });
  return entry.isDirectory();
}

async function walk(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    throw unreadable(folder, error);
  });
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

/**
 * Whether a text has at its top what a secrets file has. One that is damaged must be told, not passed over: where secrets
 * are spoken of the fields may stand anywhere. Other YAML (CircleCI, Argo) has fields of these names further in.
 */
export function looksLikeSecrets(text: string): boolean {
  const anywhere =
    /(?:^|[{,])[\s\ufeff]*["']?parameters["']?\s*:/m.test(text) && /["'{, ]*\b(?:path|kek)["']?\s*:/m.test(text);
  return anywhere && (/\b(?:kmskey|securestring)\b/i.test(text) || atTop(text));
}

/** Whether both fields stand no further in than the first line, or in a text within brackets. */
function atTop(text: string): boolean {
  const body = text.replace(/^\ufeff?(?:(?:[ \t]*|%.*|---[ \t]*)(?:#.*)?\r?\n)*(?:---[ \t]+)?/, '');
  const margin = /^ */.exec(body)?.[0].length ?? 0;
  if (/^\s*\{/.test(body)) return true;
  const has = (field: string) => new RegExp(`^ {0,${margin}}["']?(?:${field})["']?\\s*:`, 'm').test(body);
  return has('parameters') && has('path|kek');
}
