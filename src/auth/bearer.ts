import { hash } from 'node:crypto';
import { KeysteadError } from '../core/errors.ts';

/** Characters. The largest tokens of issuers with many groups have a few thousand. */
export const MAX_TOKEN = 16_384;

/** RFC 6750, with one space or more, and visible ASCII for the token; nothing may stand behind it but spaces. */
const BEARER = /^Bearer +([!-~]+) *$/i;
const USUAL = 'Bearer ';

/** The token of an `authorization` header as nearly everybody writes it, not looked at yet. */
export function usualToken(authorization: string): string | undefined {
  return authorization.startsWith(USUAL) ? authorization.slice(USUAL.length) : undefined;
}

/** The token of an `authorization` header. Throws `bad-credentials`. */
export function bearerToken(authorization: string): string {
  if (authorization.length > MAX_TOKEN + USUAL.length) {
    throw new KeysteadError('bad-credentials', `the token is longer than ${MAX_TOKEN} characters`);
  }
  const token = BEARER.exec(authorization)?.[1];
  if (token !== undefined) return token;
  throw new KeysteadError('bad-credentials', 'the Authorization header must be "Bearer TOKEN", with one token');
}

/** What a token is remembered by: its SHA-256, one character for each byte. */
export function tokenMark(token: string): string {
  return hash('sha256', token, 'binary');
}
