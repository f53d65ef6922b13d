import { hash } from 'node:crypto';
import type { Principal } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { ADMIN_GROUP } from '../core/policy.ts';
import { unreadable } from '../core/unreadable.ts';
import type { Files } from './key-source.ts';
import type { StaticToken } from './static-tokens.ts';

/** Characters: an admin token shorter than this can be guessed. */
const MIN_TOKEN_LENGTH = 16;
/** Bytes; a file that is larger is not a token. */
const MAX_TOKEN_LENGTH = 4096;
const ADMIN: Principal = { kind: 'token', name: 'admin', groups: [ADMIN_GROUP] };

/**
 * The bearer token of the administrator, kept as its SHA-256.
 *
 * @param token one trailing newline is not part of it, since editors add one. Throws `bad-config` when it is short.
 * @param where names the token in the error text, which never holds the token.
 */
export function adminToken(token: string, where = 'the admin token'): StaticToken {
  const wanted = token.replace(/\r?\n$/, '');
  // Visible ASCII: what a header can carry as it is.
  if (wanted.length < MIN_TOKEN_LENGTH || !/^[!-~]+$/.test(wanted)) {
    throw new KeysteadError(
      'bad-config',
      `${where} must be at least ${MIN_TOKEN_LENGTH} characters of visible ASCII, without white space`,
    );
  }
  return { sha256: hash('sha256', wanted, 'buffer'), principal: ADMIN };
}

/** Reads the token out of its file. Throws `no-file`, `cannot-read` or `bad-config`, naming the file. */
export async function readAdminToken(file: string, { readFile }: Files): Promise<StaticToken> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file, MAX_TOKEN_LENGTH);
  } catch (error) {
    throw unreadable(`the admin token file ${file}`, error);
  }
  try {
    return adminToken(bytes.toString('utf8'), `the admin token in ${file}`);
  } finally {
    bytes.fill(0);
  }
}
