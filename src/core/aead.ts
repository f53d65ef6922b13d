import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Random } from './clock.ts';
import { type Context, contextBytes } from './context.ts';
import { KeysteadError } from './errors.ts';
import { SecretBytes } from './secret-bytes.ts';

/** Bytes. */
export const SEAL_KEY_LENGTH = 32;

const CIPHER = 'aes-256-gcm';
const FORMAT = 1;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;
const HEAD_LENGTH = 1 + NONCE_LENGTH;

/**
 * Seals under a key: AES-256-GCM with a random 96-bit nonce, the context as associated data (docs/formats/context.md).
 *
 * Gives `1 | nonce | ciphertext | tag`. Promises: secrecy and integrity of the data, integrity of the context, which
 * is not in the result. Does not hide the data's length. One key may seal 2^32 times (NIST SP 800-38D, section 8.3).
 */
export function seal(key: SecretBytes, data: SecretBytes, context: Context, random: Random): Uint8Array {
  return sealBytes(key, data, contextBytes(context), random);
}

/**
 * Opens what `seal` gave. Throws `context-mismatch` when the key, the context or any bit of the sealed bytes is another,
 * `record-corrupt` when they are not in the form that `seal` gives.
 */
export function open(key: SecretBytes, sealed: Uint8Array, context: Context): SecretBytes {
  return openBytes(key, sealed, contextBytes(context));
}

/** `seal` with associated data that is bytes already. */
export function sealBytes(key: SecretBytes, data: SecretBytes, associatedData: Uint8Array, random: Random): Uint8Array {
  const nonce = random.bytes(NONCE_LENGTH);
  const cipher = createCipheriv(CIPHER, key.expose(), nonce, { authTagLength: TAG_LENGTH }).setAAD(associatedData);
  const body = cipher.update(data.expose());
  cipher.final();
  return Buffer.concat([Uint8Array.of(FORMAT), nonce, body, cipher.getAuthTag()]);
}

/** `open` with associated data that is bytes already. */
export function openBytes(key: SecretBytes, sealed: Uint8Array, associatedData: Uint8Array): SecretBytes {
  if (sealed.length < HEAD_LENGTH + TAG_LENGTH) {
    throw new KeysteadError('record-corrupt', `the sealed bytes are cut short: ${sealed.length} bytes are left`);
  }
  if (sealed[0] !== FORMAT) {
    throw new KeysteadError('record-corrupt', `the sealed bytes have format ${sealed[0]}, format ${FORMAT} is known`);
  }
  const nonce = sealed.subarray(1, HEAD_LENGTH);
  const decipher = createDecipheriv(CIPHER, key.expose(), nonce, { authTagLength: TAG_LENGTH })
    .setAAD(associatedData)
    .setAuthTag(sealed.subarray(-TAG_LENGTH));
  const data = decipher.update(sealed.subarray(HEAD_LENGTH, -TAG_LENGTH));
  try {
    decipher.final();
  } catch {
    data.fill(0);
    throw new KeysteadError(
      'context-mismatch',
      'the sealed bytes do not open: they were changed, or sealed for another name or under another key',
    );
  }
  return SecretBytes.own(data);
}
