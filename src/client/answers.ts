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

/** How the service stands with its KMS or its store. */
export interface DoorReport {
  readonly name: string;
  readonly uri: string;
  readonly state: string;
  /** What the state or the last error is about. */
  readonly operation: string;
  /** In plain words; it may be over. */
  readonly lastError?: string;
  readonly lastErrorAt?: string;
  readonly latencyMs: number;
  readonly checkedAt: string;
  readonly since: string;
}

/** How the service stands with the Secret that keeps its KEK. */
export interface KekSecretStatus {
  /** For people. */
  readonly name: string;
  /** `held`, `other`, `absent` or `unseen`. */
  readonly state: string;
  /** In plain words, while a replica that starts now would not get the KEK of this service from there. */
  readonly problem?: string;
  readonly since: string;
}

/** How the service stands with its policy file. */
export interface PolicyStatus {
  readonly rules: number;
  readonly loadedAt: string;
  /** Of the file that is in force. */
  readonly sha256: string;
  /** In plain words, while the file is not fit to be used. */
  readonly problem?: string;
}

/** What the service says of itself. */
export interface ServiceStatus {
  readonly version: string;
  readonly mode: string;
  readonly state: string;
  /** In plain words, where the state is not `ready`. */
  readonly reason?: string;
  readonly kms: string;
  readonly storage: string;
  readonly kek?: KekInfo;
  /** Absent: no Secret is configured for the KEK, or the service is older. */
  readonly kekSecret?: KekSecretStatus;
  /** Empty from an older service, which does not tell. */
  readonly doors: readonly DoorReport[];
  /** Absent: no policy file is configured, or the service is older. */
  readonly policy?: PolicyStatus;
  readonly startedAt: string;
  readonly development: boolean;
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

export function readStatus(value: unknown): ServiceStatus {
  const fields = new Fields(value, 'the status');
  return {
    version: fields.text('version'),
    mode: fields.text('mode'),
    state: fields.text('state'),
    ...(fields.has('reason') ? { reason: fields.text('reason') } : {}),
    kms: fields.text('kms'),
    storage: fields.text('storage'),
    ...(fields.has('kek') ? { kek: readKekInfo(fields.object('kek')) } : {}),
    ...(fields.has('kekSecret') ? { kekSecret: readKekSecret(fields.object('kekSecret')) } : {}),
    doors: fields.has('doors') ? fields.list('doors').map(readDoor) : [],
    ...(fields.has('policy') ? { policy: readPolicy(fields.object('policy')) } : {}),
    startedAt: fields.text('startedAt'),
    development: fields.flag('development'),
  };
}

function readKekSecret(fields: Fields): KekSecretStatus {
  return {
    name: fields.text('name'),
    state: fields.text('state'),
    ...(fields.has('problem') ? { problem: fields.text('problem') } : {}),
    since: fields.text('since'),
  };
}

function readPolicy(fields: Fields): PolicyStatus {
  return {
    rules: fields.count('rules'),
    loadedAt: fields.text('loadedAt'),
    sha256: fields.text('sha256'),
    ...(fields.has('problem') ? { problem: fields.text('problem') } : {}),
  };
}

function readDoor(value: unknown): DoorReport {
  const fields = new Fields(value, 'the status: a door');
  return {
    name: fields.text('name'),
    uri: fields.text('uri'),
    state: fields.text('state'),
    operation: fields.text('operation'),
    ...(fields.has('lastError') ? { lastError: fields.text('lastError') } : {}),
    ...(fields.has('lastErrorAt') ? { lastErrorAt: fields.text('lastErrorAt') } : {}),
    latencyMs: fields.count('latencyMs'),
    checkedAt: fields.text('checkedAt'),
    since: fields.text('since'),
  };
}
