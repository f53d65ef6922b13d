import { createHash } from 'node:crypto';
import { checkDocument } from '../auth/check-document.ts';
import { type AuthDocument, AuthSchema } from '../auth/schema.ts';
import { type DocumentProblem, problemLines, readDocument } from '../config/document.ts';
import { KeysteadError } from '../core/errors.ts';
import { unreadable } from '../core/unreadable.ts';
import type { Ambient } from './ambient.ts';

/** Bytes; some hundred tokens and issuers have a tenth of that. */
export const MAX_AUTH_FILE = 1_048_576;

/** An auth file that was read. */
export interface AuthFile {
  readonly document: AuthDocument;
  readonly bytes: Uint8Array;
  /** Of the file, 64 lower-case hex digits. */
  readonly sha256: string;
}

/** Reads an auth file. Throws `bad-config` with all problems, `no-file` or `cannot-read`. */
export async function readAuthFile(file: string, readFile: Ambient['readFile']): Promise<AuthFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file, MAX_AUTH_FILE);
  } catch (error) {
    throw unreadableAuth(file, error);
  }
  const read = parseAuth(bytes);
  if ('problems' in read) throw badAuth(file, read.problems);
  return read;
}

/** What an auth file says, or all that is wrong with it. */
export function parseAuth(bytes: Uint8Array): AuthFile | { readonly problems: readonly DocumentProblem[] } {
  const read = readDocument(bytes, AuthSchema, MAX_AUTH_FILE);
  if ('problems' in read) return read;
  const problems = checkDocument(read.value).map(({ path, text }) => {
    const line = read.lineOf(path);
    return { path, text, ...(line === undefined ? {} : { line }) };
  });
  if (problems.length > 0) return { problems };
  return { document: read.value, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

export function badAuth(file: string, problems: readonly DocumentProblem[]): KeysteadError {
  const lines = problemLines(problems);
  const count = lines.length === 1 ? '' : `${lines.length} problems: `;
  return new KeysteadError('bad-config', `the auth file ${file} is not valid: ${count}${lines.join('; ')}`);
}

export function unreadableAuth(file: string, error: unknown): KeysteadError {
  return unreadable(`the auth file ${file}`, error);
}
