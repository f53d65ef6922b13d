import { timingSafeEqual } from 'node:crypto';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { Call } from './call.ts';
import { lengthPrefixed } from './encoding.ts';
import { KeysteadError } from './errors.ts';
import type { SecretBytes } from './secret-bytes.ts';

/** What page tokens are signed with: by all processes that are one service the same, and also after a restart. */
export interface TokenKey {
  /** HMAC-SHA256 of the message. */
  mac(message: Uint8Array, call: Call): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What a page token is good for, and nothing else: this operation with these arguments, asked by this caller. */
export interface TokenScope {
  readonly operation: string;
  /** What the ids begin with. */
  readonly prefix?: string;
}

/** Characters of a token. The longest place in a store is a name and that store's own marker. */
export const MAX_TOKEN_LENGTH = 8192;

const FORMAT = 1;
const MAC_LENGTH = 16;
const LABEL = 'keystead/page-token/v1';

/**
 * A token for the page that begins at `from`: base64url of a format byte, 16 bytes of HMAC-SHA256, and the place.
 * It hides nothing, and it is good for the scope and the principal of the call alone.
 */
export async function writePageToken(key: TokenKey, scope: TokenScope, from: string, call: Call): Promise<string> {
  const place = Buffer.from(from);
  return Buffer.concat([Buffer.of(FORMAT), await macOf(key, scope, place, call), place]).toString('base64url');
}

/**
 * The place that a token leads to. Throws `bad-request` for what is no token at all, and `no-page` for one that
 * `writePageToken` did not give for this scope and this principal.
 *
 * @param what names the token in the error text, which never holds the token.
 */
export async function readPageToken(
  key: TokenKey,
  scope: TokenScope,
  token: string,
  what: string,
  call: Call,
): Promise<string> {
  const refused = (reason: 'bad-request' | 'no-page') =>
    new KeysteadError(
      reason,
      `${what} is not one that an earlier page gave to this caller for the same request; begin without it`,
    );
  if (token.length > MAX_TOKEN_LENGTH || !/^[A-Za-z0-9_-]+$/.test(token)) throw refused('bad-request');
  const bytes = Buffer.from(token, 'base64url');
  // In its one form only.
  if (bytes.toString('base64url') !== token) throw refused('no-page');
  const mac = bytes.subarray(1, 1 + MAC_LENGTH);
  const place = bytes.subarray(1 + MAC_LENGTH);
  if (bytes[0] !== FORMAT || place.length === 0) throw refused('no-page');
  if (!timingSafeEqual(mac, await macOf(key, scope, place, call))) throw refused('no-page');
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(place);
}

async function macOf(key: TokenKey, scope: TokenScope, place: Uint8Array, call: Call): Promise<Uint8Array> {
  const { kind, name } = call.principal;
  const parts = [LABEL, scope.operation, scope.prefix ?? '', kind, name].map((text) => Buffer.from(text));
  return (await key.mac(lengthPrefixed([...parts, place]), call)).subarray(0, MAC_LENGTH);
}

/**
 * A token key out of bytes that are there, or come when they are first needed.
 *
 * @param open gives bytes that are owned from then on: the same each time, as it may be asked more than once.
 */
export function tokenKey(open: (call: Call) => Promise<SecretBytes>): TokenKey {
  let opened: SecretBytes | undefined;
  let closed = false;
  return {
    async mac(message, call) {
      if (opened === undefined) {
        const key = await open(call);
        // Somebody else may have been faster, or the service has closed meanwhile.
        if (opened === undefined && !closed) opened = key;
        else key.dispose();
      }
      if (opened === undefined) throw new KeysteadError('closing', 'the service is closing');
      return hmac(sha256, opened.expose(), message);
    },
    async close() {
      closed = true;
      opened?.dispose();
      opened = undefined;
    },
  };
}
