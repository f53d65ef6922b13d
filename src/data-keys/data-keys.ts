import type { Call } from '../core/call.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';
import type { Page } from '../core/store.ts';

/** What to do when there is no data key of that id: make one, refuse, or insist that there is none yet. */
export type CreateMode = 'if-missing' | 'never' | 'must';

export interface GetDataKey {
  /** 1 to 4096 bytes of UTF-8. */
  readonly id: string;
  /** Bytes, 1 to 8160. */
  readonly length: number;
  /** A number that an earlier answer gave; the newest when absent. */
  readonly version?: number;
  readonly create: CreateMode;
  /** The check value (16 bytes) of the key that is expected; another key is refused with `check-mismatch`. */
  readonly expect?: Uint8Array;
}

/** A data key on its way to its caller, who disposes `key`. */
export interface DataKey {
  readonly id: string;
  readonly version: number;
  readonly key: SecretBytes;
  readonly created: boolean;
  readonly source: 'derived' | 'stored' | 'cache';
}

/** What is known of a data key without opening it. */
export interface DataKeyInfo {
  readonly id: string;
  /** The newest version. */
  readonly version: number;
  readonly source: 'derived' | 'stored';
  /** Bytes; absent for derived keys, which have every length. */
  readonly length?: number;
  /** The KEK that wraps it or that it is derived from: URI without credentials, and version. */
  readonly kek: string;
  readonly kekVersion: string;
  readonly createdAt?: Date;
  /** Changes with every change of the record; absent for derived keys. */
  readonly etag?: string;
}

/**
 * Data keys by name.
 *
 * Promises: the same id and version give the same bytes for ever; callers that race for a new id all get the same
 * key; nothing is handed out that was not durably stored and opened again, or derived.
 */
export interface DataKeys {
  get(request: GetDataKey, call: Call): Promise<DataKey>;
  describe(id: string, call: Call): Promise<DataKeyInfo>;
  list(prefix: string, from: string | undefined, limit: number, call: Call): Promise<Page<DataKeyInfo>>;
}
