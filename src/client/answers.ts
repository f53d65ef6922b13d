import { fromBase64 } from '../core/encoding.ts';
import { KeysteadError } from '../core/errors.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';

/** A data key. Whoever asked for it disposes `key`. */
export interface DataKey {
  readonly id: string;
  /** Pass it back to get the same key for ever. */
  readonly version: number;
  readonly created: boolean;
  readonly source: string;
  /** 16 bytes to store beside what the key protects, and to send as `expect`. */
  readonly check: Uint8Array;
  readonly key: SecretBytes;
}

/** What the service knows of a data key without opening it. */
export interface DataKeyInfo {
  readonly id: string;
  /** The newest version. */
  readonly version: number;
  readonly source: string;
  /** Bytes; absent for derived keys, which have every length. */
  readonly length?: number;
  readonly kek: string;
  readonly kekVersion: string;
  /** `active`, or `pending-deletion`: nobody gets the key then, and it can be restored until `purgeAt`. */
  readonly state: string;
  readonly createdAt?: string;
  readonly purgeAt?: string;
  /** Changes with every change of the record; absent for derived keys. */
  readonly etag?: string;
}

/** What came of a rewrap. */
export interface RewrappedDataKey extends DataKeyInfo {
  /** Versions that were wrapped again; 0 where all were under the newest version of the KEK. */
  readonly rewrapped: number;
}

/** A data key that was deleted, and can still be restored. */
export interface DeletedDataKey {
  readonly id: string;
  readonly state: string;
  readonly purgeAt: string;
  readonly etag: string;
}

/** What is said of a KEK in public. */
export interface KekInfo {
  readonly version: number;
  /** 32 lower-case hex digits. */
  readonly fingerprint: string;
}

/**
 * The fields of one JSON object of an answer. Fields that are not asked for are left alone: a newer service may have
 * more. Throws `bad-answer`, which names the field and shows no value.
 */
export class Fields {
  /** The object itself. */
  readonly value: Readonly<Record<string, unknown>>;
  readonly #what: string;

  /** @param what names the object in error texts: `the answer`. */
  constructor(value: unknown, what: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new KeysteadError('bad-answer', `${what} is not a JSON object`);
    }
    this.value = value as Readonly<Record<string, unknown>>;
    this.#what = what;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.value, name) && this.value[name] !== null;
  }

  text(name: string): string {
    const value = this.value[name];
    return typeof value === 'string' ? value : this.#bad(name);
  }

  flag(name: string): boolean {
    const value = this.value[name];
    return typeof value === 'boolean' ? value : this.#bad(name);
  }

  count(name: string): number {
    const value = this.value[name];
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : this.#bad(name);
  }

  bytes(name: string): Uint8Array {
    return fromBase64(this.text(name), 'bad-answer', `${this.#what}: ${name}`);
  }

  object(name: string): Fields {
    return new Fields(this.value[name], `${this.#what}: ${name}`);
  }

  list(name: string): readonly unknown[] {
    const value = this.value[name];
    return Array.isArray(value) ? value : this.#bad(name);
  }

  texts(name: string): readonly string[] {
    return this.list(name).map((value) => (typeof value === 'string' ? value : this.#bad(name)));
  }

  #bad(name: string): never {
    throw new KeysteadError('bad-answer', `${this.#what} has no usable field "${name}"`);
  }
}

export function readDataKeyInfo(value: unknown): DataKeyInfo {
  const fields = new Fields(value, 'the description of the data key');
  return {
    id: fields.text('dataKeyId'),
    version: fields.count('version'),
    source: fields.text('source'),
    ...(fields.has('length') ? { length: fields.count('length') } : {}),
    kek: fields.text('kek'),
    kekVersion: fields.text('kekVersion'),
    // An older service has no other state.
    state: fields.has('state') ? fields.text('state') : 'active',
    ...(fields.has('createdAt') ? { createdAt: fields.text('createdAt') } : {}),
    ...(fields.has('purgeAt') ? { purgeAt: fields.text('purgeAt') } : {}),
    ...(fields.has('etag') ? { etag: fields.text('etag') } : {}),
  };
}

export function readRewrapped(fields: Fields): RewrappedDataKey {
  return { ...readDataKeyInfo(fields.value), rewrapped: fields.count('rewrapped') };
}

export function readDeleted(fields: Fields): DeletedDataKey {
  return {
    id: fields.text('dataKeyId'),
    state: fields.text('state'),
    purgeAt: fields.text('purgeAt'),
    etag: fields.text('etag'),
  };
}

export function readKekInfo(fields: Fields): KekInfo {
  return { version: fields.count('version'), fingerprint: fields.text('fingerprint') };
}
