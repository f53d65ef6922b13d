import { hash, timingSafeEqual } from 'node:crypto';
import { extract } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { KeysteadError } from './errors.ts';
import { SecretBytes } from './secret-bytes.ts';

/** Bytes that HKDF-SHA256 can give at most: 255 blocks of 32 (RFC 5869, section 2.3). */
export const MAX_KEY_LENGTH = 8160;
/** Bytes; Constellation's own minimum. 32 are advised. */
export const MIN_MASTER_SECRET_LENGTH = 16;
/** Bytes; RFC 5869 allows any, we do not: a salt shorter than the hash is a mistake. */
export const MIN_SALT_LENGTH = 32;

/**
 * Every `info` string of the product (docs/formats/derivation.md). No two may be equal or made equal by a data key's
 * id: ids come behind `key-`, our own strings begin with `keystead/`.
 */
export const INFO = {
  dataKey: 'key-',
  fingerprint: 'keystead/kek-fingerprint/v1',
  wrap: 'keystead/wrap/v1',
  check: 'keystead/check/v1',
  managedSeal: 'keystead/key-manager/seal/v1',
  managedId: 'keystead/key-manager/key-id/v1',
} as const;

/** Bytes of a check value. */
export const CHECK_LENGTH = 16;

const BLOCK = 32;
/** Bytes that SHA-256 takes at a time; HMAC hashes longer keys first. */
const HASH_BLOCK = 64;
const FINGERPRINT_LENGTH = 16;
const FINGERPRINT_INFO = Buffer.from(INFO.fingerprint);
// One block of HKDF-Expand is HMAC(key, info | 0x01).
const CHECK_INPUT = Uint8Array.of(...Buffer.from(INFO.check), 1);
type Hash = ReturnType<typeof sha256.create>;

/**
 * HKDF-Expand-SHA256 (RFC 5869, section 2.3) under one secret, many times.
 *
 * The HMAC key schedule (RFC 2104: the states after the ipad and the opad block) is computed once; every call starts
 * from a copy of it and wipes the copy. `dispose` wipes both states. One call at a time: it never awaits.
 */
export class Expander {
  readonly #inner: Hash;
  readonly #outer: Hash;
  readonly #work: Hash;
  readonly #tail = new Uint8Array(1);

  /** @param prk a pseudorandom key; the caller still has to wipe it. */
  constructor(prk: Uint8Array) {
    const state = hmac.create(sha256, prk);
    this.#inner = state.iHash as Hash;
    this.#outer = state.oHash as Hash;
    this.#work = sha256.create();
  }

  /** @param length 1 to 8160 bytes, else `bad-length`: behind 255 blocks the counter would begin again. */
  expand(info: Uint8Array, length: number): SecretBytes {
    assertKeyLength(length);
    let block = this.#block(1, undefined, info);
    if (length === BLOCK) return SecretBytes.own(block);
    const okm = new Uint8Array(length);
    for (let at = 0, n = 2; ; n++) {
      const wanted = Math.min(BLOCK, length - at);
      okm.set(wanted === BLOCK ? block : block.subarray(0, wanted), at);
      at += wanted;
      const next = at < length ? this.#block(n, block, info) : undefined;
      block.fill(0);
      if (next === undefined) return SecretBytes.own(okm);
      block = next;
    }
  }

  /** The n-th block of the output. `digest` wipes what was worked on, and the next copy makes it usable again. */
  #block(n: number, before: Uint8Array | undefined, info: Uint8Array): Uint8Array {
    this.#tail[0] = n;
    const hash = this.#inner._cloneInto(this.#work);
    if (before !== undefined) hash.update(before);
    const inner = hash.update(info).update(this.#tail).digest();
    const block = this.#outer._cloneInto(this.#work).update(inner).digest();
    inner.fill(0);
    return block;
  }

  dispose(): void {
    this.#inner.destroy();
    this.#outer.destroy();
    this.#work.destroy();
  }
}

/** HKDF-Extract-SHA256 (RFC 5869, section 2.2). */
export function extractPrk(masterSecret: Uint8Array, salt: Uint8Array): SecretBytes {
  return SecretBytes.own(extract(sha256, masterSecret, salt));
}

/** 32 lower-case hex digits that tell one KEK from another: one-way, safe to print. @param kek expands under its PRK. */
export function kekFingerprint(kek: Expander): string {
  const fingerprint = kek.expand(FINGERPRINT_INFO, FINGERPRINT_LENGTH);
  try {
    return Buffer.from(fingerprint.expose()).toString('hex');
  } finally {
    fingerprint.dispose();
  }
}

/** What a value is that should be a number, with its article. */
function describeType(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Throws `bad-length` unless 1 ≤ length ≤ 8160, a whole number. */
export function assertKeyLength(length: unknown): asserts length is number {
  if (typeof length !== 'number' || !Number.isInteger(length) || length < 1 || length > MAX_KEY_LENGTH) {
    const shown = typeof length === 'number' ? String(length) : describeType(length);
    throw new KeysteadError('bad-length', `length must be a whole number from 1 to ${MAX_KEY_LENGTH}, not ${shown}`);
  }
}

/**
 * The check value of a data key: 16 bytes, HKDF-Expand(DEK, "keystead/check/v1"), to compare keys without showing
 * them. One-way; for a key shorter than 16 bytes it helps who can try all keys.
 */
export function checkValue(key: SecretBytes): Uint8Array {
  const bytes = key.expose();
  if (bytes.length <= HASH_BLOCK) return shortKeyCheck(bytes);
  const mac = hmac(sha256, bytes, CHECK_INPUT);
  const check = mac.slice(0, CHECK_LENGTH);
  mac.fill(0);
  return check;
}

// Every key that is handed out has its check value, and noble's `hmac` makes four objects for each. What HMAC hashes
// (RFC 2104) is put together here instead, by one call at a time, and wiped before it returns: padded key and message
// for the inner hash, padded key and inner hash for the outer one. Between two calls they hold the padding of no key.
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;
const INNER = new Uint8Array(HASH_BLOCK + CHECK_INPUT.length).fill(INNER_PAD);
const OUTER = Buffer.alloc(HASH_BLOCK + BLOCK, OUTER_PAD);
INNER.set(CHECK_INPUT, HASH_BLOCK);

/**
 * HMAC-SHA256(key, CHECK_INPUT), cut, under a key of at most one block. The hashes come as text, which takes a quarter
 * of the time and cannot be wiped: they are as one-way as the check value itself.
 */
function shortKeyCheck(key: Uint8Array): Uint8Array {
  for (let n = 0; n < key.length; n++) {
    const byte = key[n] as number;
    INNER[n] = INNER_PAD ^ byte;
    OUTER[n] = OUTER_PAD ^ byte;
  }
  OUTER.write(hash('sha256', INNER, 'binary'), HASH_BLOCK, 'binary');
  const mac = hash('sha256', OUTER, 'binary');
  INNER.fill(INNER_PAD, 0, key.length);
  OUTER.fill(OUTER_PAD);
  const check = new Uint8Array(CHECK_LENGTH);
  for (let n = 0; n < CHECK_LENGTH; n++) check[n] = mac.charCodeAt(n);
  return check;
}

/** Whether a key has this check value, in the same time wherever it differs. */
export function hasCheckValue(key: SecretBytes, check: Uint8Array): boolean {
  return check.length === CHECK_LENGTH && timingSafeEqual(checkValue(key), check);
}
