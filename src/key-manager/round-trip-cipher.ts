import { open, seal } from '../core/aead.ts';
import type { Random } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { KeysteadError } from '../core/errors.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import type { KeyManager } from './key-manager.ts';
import type { KeyRing } from './key-ring.ts';
import { KEY_ID_LENGTH, sealingKey } from './sealing-key.ts';
import type { SecretKeyValue } from './secret-key-value.ts';

const FORMAT = 1;
const HEAD_LENGTH = 1 + KEY_ID_LENGTH;

/**
 * Encrypts and decrypts with one key of a key manager. The ciphertext says which key it is under, so that a rotation
 * needs no callback: what was encrypted before opens with the key that it names, as long as the ring has it.
 *
 * Gives `1 | key id (16 bytes) | sealed`: AES-256-GCM, the context as associated data (docs/formats/key-manager.md).
 * Promises: a ciphertext is handed out when its key is in the ring; it opens under the same context alone.
 */
export class RoundTripCipher {
  readonly #manager: KeyManager;
  readonly #name: string;
  readonly #ring: KeyRing;
  readonly #random: Random;

  /** @param deps.name a symmetric round-trip key of at least 16 bytes. */
  constructor(deps: {
    readonly manager: KeyManager;
    readonly name: string;
    readonly ring: KeyRing;
    readonly random: Random;
  }) {
    this.#manager = deps.manager;
    this.#name = deps.name;
    this.#ring = deps.ring;
    this.#random = deps.random;
  }

  /** Encrypts with the newest key. Throws `GetKeyError`, `bad-key-value`, and what the ring throws. */
  async encrypt(data: Uint8Array | SecretBytes, context: Context = {}): Promise<Uint8Array> {
    const value = await this.#manager.getForwardPathKey(this.#name);
    try {
      const { id, key } = sealingKey(value);
      const plain = data instanceof SecretBytes ? data.clone() : SecretBytes.copyOf(data);
      try {
        await this.#ring.add(id, value);
        const sealed = seal(key, plain, this.#context(context), this.#random);
        return Buffer.concat([Uint8Array.of(FORMAT), Buffer.from(id, 'hex'), sealed]);
      } finally {
        key.dispose();
        plain.dispose();
      }
    } finally {
      value.dispose();
    }
  }

  /**
   * Decrypts with the key that the ciphertext names. The caller disposes what it gets.
   *
   * Throws `record-corrupt` for what is no ciphertext, `key-not-defined` when nobody has its key any more,
   * `context-mismatch` when it was changed or has another context.
   */
  async decrypt(ciphertext: Uint8Array, context: Context = {}): Promise<SecretBytes> {
    if (ciphertext.length < HEAD_LENGTH || ciphertext[0] !== FORMAT) {
      throw new KeysteadError(
        'record-corrupt',
        `this is no ciphertext of the key ${this.#name}, or one of a newer version`,
      );
    }
    const id = this.keyIdOf(ciphertext);
    const value = await this.#find(id);
    try {
      const { key } = sealingKey(value);
      try {
        return open(key, ciphertext.subarray(HEAD_LENGTH), this.#context(context));
      } finally {
        key.dispose();
      }
    } finally {
      value.dispose();
    }
  }

  /** The id of the key that a ciphertext is under: 32 lower-case hex digits. */
  keyIdOf(ciphertext: Uint8Array): string {
    return Buffer.from(ciphertext.subarray(1, HEAD_LENGTH)).toString('hex');
  }

  async #find(id: string): Promise<SecretKeyValue> {
    const kept = await this.#ring.find(id);
    if (kept !== undefined) return kept;
    // Encrypted by somebody with a ring of their own, under the key that the source still has.
    const present = await this.#manager.getPresentKey(this.#name);
    let isIt = false;
    try {
      const own = sealingKey(present);
      own.key.dispose();
      isIt = own.id === id;
    } finally {
      if (!isIt) present.dispose();
    }
    if (isIt) return present;
    throw new KeysteadError(
      'key-not-defined',
      `the key ${id} of ${this.#name} is neither in the ring nor the present one`,
    );
  }

  #context(context: Context): Context {
    return { ...prefixed(context), keystead: '1', use: 'key-manager', name: this.#name };
  }
}

/** What callers bind cannot be taken for what we do. */
function prefixed(context: Context): Context {
  return Object.fromEntries(Object.entries(context).map(([name, value]) => [`context.${name}`, value]));
}
