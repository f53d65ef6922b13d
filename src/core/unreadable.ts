import { KeysteadError } from './errors.ts';

/**
 * What it means that a file could not be read: `no-file` where there is none of that name, `cannot-read` for whatever
 * else (a folder, a pipe, no permission). What a file holds is not for this to judge.
 *
 * @param what names the file, and what it is for.
 * @param error as the system gave it, with its `code`.
 */
export function unreadable(what: string, error: unknown): KeysteadError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return code === 'ENOENT' || code === 'ENOTDIR'
    ? new KeysteadError('no-file', `${what} is not there`, { cause: error })
    : new KeysteadError('cannot-read', `${what} cannot be read (${code})`, { cause: error });
}
