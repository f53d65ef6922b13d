import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authenticator } from '../core/authenticator.ts';
import type { Principal } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { ADMIN_GROUP } from '../core/policy.ts';

/** Characters: an admin token shorter than this can be guessed. */
const MIN_TOKEN_LENGTH = 16;
const ADMIN: Principal = { kind: 'token', name: 'admin', groups: [ADMIN_GROUP] };

/**
 * The bearer token of the administrator, kept as its SHA-256 and compared in constant time.
 *
 * @param token one trailing newline is not part of it, since editors add one. Throws `bad-config` when it is short.
 */
export function adminToken(token: string): Authenticator {
  const wanted = token.replace(/\r?\n$/, '');
  if (wanted.length < MIN_TOKEN_LENGTH || /\s/.test(wanted)) {
    throw new KeysteadError(
      'bad-config',
      `the admin token must be at least ${MIN_TOKEN_LENGTH} characters, without white space`,
    );
  }
  const hash = sha256(wanted);
  return {
    async authenticate({ authorization }) {
      const given = /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
      if (given === undefined || !timingSafeEqual(sha256(given), hash)) return undefined;
      return ADMIN;
    },
  };
}

function sha256(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}
