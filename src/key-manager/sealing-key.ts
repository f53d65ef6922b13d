import { SEAL_KEY_LENGTH } from '../core/aead.ts';
import { Expander, extractPrk, INFO } from '../core/derive.ts';
import { KeysteadError } from '../core/errors.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';
import type { SecretKeyValue } from './secret-key-value.ts';

/** Bytes of a key's id in a ciphertext. */
export const KEY_ID_LENGTH = 16;
/** Bytes: less can be guessed. */
const MIN_LENGTH = 16;
/** RFC 5869, section 2.2: the salt where there is none. */
const NO_SALT = new Uint8Array(32);

/** What a key of an application seals with. */
export interface SealingKey {
  /** Tells this key from others, one-way: 32 lower-case hex digits. */
  readonly id: string;
  readonly key: SecretBytes;
}

/**
 * The AES-256 key and the id of a key of any kind, by HKDF-SHA256 (RFC 5869). The caller disposes the key.
 *
 * Throws `bad-key-value` for a key of less than 16 bytes.
 */
export function sealingKey(value: SecretKeyValue): SealingKey {
  if (value.length < MIN_LENGTH) {
    throw new KeysteadError(
      'bad-key-value',
      `a key that seals has at least ${MIN_LENGTH} bytes, and this one has ${value.length}`,
    );
  }
  const bytes = value.bytes();
  const prk = extractPrk(bytes, NO_SALT);
  bytes.fill(0);
  const expander = new Expander(prk.expose());
  prk.dispose();
  const id = expander.expand(Buffer.from(INFO.managedId), KEY_ID_LENGTH);
  try {
    return {
      id: Buffer.from(id.expose()).toString('hex'),
      key: expander.expand(Buffer.from(INFO.managedSeal), SEAL_KEY_LENGTH),
    };
  } finally {
    id.dispose();
    expander.dispose();
  }
}
