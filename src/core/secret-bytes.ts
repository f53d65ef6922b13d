import { timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import { KeysteadError } from './errors.ts';

/**
 * The only carrier of plaintext key bytes between functions.
 *
 * Promises: it prints as `[secret]` however it is printed; `dispose` overwrites the bytes; a disposed one gives
 * nothing; `equals` takes the same time wherever two equally long secrets differ.
 * Does not promise: that no copy exists elsewhere. The runtime may have moved or copied bytes before they came here.
 * Whoever creates one disposes it, in `finally`.
 */
export class SecretBytes {
  #bytes: Uint8Array | undefined;
  readonly length: number;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.length = bytes.length;
  }

  /** Takes ownership: the caller must not use or keep `bytes` afterwards. */
  static own(bytes: Uint8Array): SecretBytes {
    return new SecretBytes(bytes);
  }

  /** Copies; the caller still has to wipe its own `bytes`. */
  static copyOf(bytes: Uint8Array): SecretBytes {
    return new SecretBytes(new Uint8Array(bytes));
  }

  /** The bytes themselves, not a copy: use at once, never keep. The one way in, so a review can search for it. */
  expose(): Uint8Array {
    if (this.#bytes === undefined) throw new KeysteadError('unexpected', 'a disposed secret was used');
    return this.#bytes;
  }

  /** An independent secret with the same bytes, to be disposed on its own. */
  clone(): SecretBytes {
    return SecretBytes.copyOf(this.expose());
  }

  equals(other: SecretBytes): boolean {
    return this.length === other.length && timingSafeEqual(this.expose(), other.expose());
  }

  get disposed(): boolean {
    return this.#bytes === undefined;
  }

  dispose(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
