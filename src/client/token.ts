import { KeysteadError } from '../core/errors.ts';
import { FreshFile } from './fresh-file.ts';

/** Gives the bearer token for the next attempt; undefined when the client has none. */
export type TokenSource = () => Promise<string | undefined>;

/** A token as it is, or in a file that is read again whenever it changes. Throws `bad-usage` for both. */
export function tokenSource(options: { readonly token?: string; readonly tokenFile?: string }): TokenSource {
  const { token, tokenFile } = options;
  if (token !== undefined && tokenFile !== undefined) {
    throw new KeysteadError('bad-usage', 'give a token or a token file, not both');
  }
  if (tokenFile !== undefined) {
    const file = new FreshFile(tokenFile, 'token file');
    return async () => checked(new TextDecoder().decode(await file.read()), `the token file ${tokenFile}`);
  }
  const fixed = token === undefined ? undefined : checked(token, 'the token');
  return async () => fixed;
}

/** One line break at the end is not part of a token, since editors add one. */
function checked(text: string, what: string): string {
  const token = text.replace(/\r?\n$/, '');
  if (/^[!-~]+$/.test(token)) return token;
  const flaw = token === '' ? 'is empty' : 'must be one line of ASCII without spaces';
  throw new KeysteadError('bad-credentials', `${what} ${flaw}`);
}
