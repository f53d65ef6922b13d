import { inspect } from 'node:util';
import { KeysteadError } from '../core/errors.ts';
import { SecretBytes } from '../core/secret-bytes.ts';

/** What a key may be given as: text, bytes, or a secret, which is copied. */
export type KeyInput = string | Uint8Array | SecretBytes | SecretKeyValue;

const PRINTED = '[secret key]';

/**
 * The value of a key: text or bytes.
 *
 * Promises: however it is printed (a log, JSON, a template string, an error's text), no character of the key is shown;
 * the value is given by `expose`, `text` and `bytes` alone; whoever has disposed it gets nothing from it any more, and
 * the bytes are overwritten when the last of its clones is disposed. Does not promise that a text that was given, or is
 * asked for, can be wiped.
 */
export class SecretKeyValue {
  // A clone holds the same bytes: a cached key is in memory once, and handing it out copies nothing.
  readonly #secret: SecretBytes;
  /** What this is a clone of, in the end, or itself. It counts who holds the bytes. */
  readonly #first: SecretKeyValue;
  /** Of the first one: it and its clones that are not disposed. */
  #holders = 1;
  #disposed = false;
  /** Whether the key is text; else it is bytes. */
  readonly isText: boolean;

  private constructor(secret: SecretBytes, isText: boolean, first?: SecretKeyValue) {
    this.#secret = secret;
    this.isText = isText;
    this.#first = first ?? this;
  }

  /** Copies. Throws `bad-key-value` for anything that is no text and no bytes, and for a text without a UTF-8 form. */
  static of(value: unknown): SecretKeyValue {
    if (value instanceof SecretKeyValue) return value.clone();
    if (value instanceof SecretBytes) return new SecretKeyValue(value.clone(), false);
    if (value instanceof Uint8Array) return new SecretKeyValue(SecretBytes.copyOf(value), false);
    if (typeof value !== 'string') {
      const shown = value === null ? 'null' : Array.isArray(value) ? 'a list' : `of type ${typeof value}`;
      throw new KeysteadError('bad-key-value', `the value of a key must be text or bytes, and it is ${shown}`);
    }
    if (!value.isWellFormed()) {
      throw new KeysteadError(
        'bad-key-value',
        'the value of a key holds a lone surrogate; give valid Unicode or bytes',
      );
    }
    return new SecretKeyValue(SecretBytes.own(new TextEncoder().encode(value)), true);
  }

  /** The key as it was given: text as text, bytes as a copy, which the caller wipes. */
  expose(): string | Uint8Array {
    return this.isText ? this.text() : this.bytes();
  }

  /** The key as text; bytes are read as UTF-8. */
  text(): string {
    return Buffer.from(this.#held().expose()).toString();
  }

  /** A copy of the key's bytes, in UTF-8 where it is text. The caller wipes it. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#held().expose());
  }

  /** Bytes. */
  get length(): number {
    return this.#secret.length;
  }

  /** A value to be disposed on its own. */
  clone(): SecretKeyValue {
    const clone = new SecretKeyValue(this.#held(), this.isText, this.#first);
    this.#first.#holders++;
    return clone;
  }

  /** Of the same kind, too: text is not equal to bytes. Takes the same time wherever two equally long ones differ. */
  equals(other: SecretKeyValue): boolean {
    return this.isText === other.isText && this.#held().equals(other.#held());
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (--this.#first.#holders === 0) this.#secret.dispose();
  }

  #held(): SecretBytes {
    if (this.#disposed) throw new KeysteadError('unexpected', 'a disposed secret was used');
    return this.#secret;
  }

  toString(): string {
    return PRINTED;
  }

  toJSON(): string {
    return PRINTED;
  }

  [inspect.custom](): string {
    return PRINTED;
  }
}
