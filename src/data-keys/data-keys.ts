import type { Call } from '../core/call.ts';
import type { Reason } from '../core/errors.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';
import type { Page } from '../core/store.ts';

/** What to do when there is no data key of that id: make one, refuse, or insist that there is none yet. */
export type CreateMode = 'if-missing' | 'never' | 'must';

/** What is asked of a data key. */
export interface GetDataKey {
  /** 1 to 4096 bytes of UTF-8. */
  readonly id: string;
  /** Bytes, 1 to 8160. */
  readonly length: number;
  /** A number that an earlier answer gave; the newest when absent. */
  readonly version?: number;
  readonly create: CreateMode;
  /**
   * The check value (16 bytes) of the key that is expected; another key is refused with `check-mismatch`, and none is
   * made.
   */
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
  readonly state: DataKeyState;
  /** When a deleted key is gone for good; present exactly where it is pending deletion. */
  readonly purgeAt?: Date;
}

/** Pending deletion: nobody gets the key, and until `purgeAt` it can be restored. */
export type DataKeyState = 'active' | 'pending-deletion';

/** What came of a rewrap. */
export interface RewrappedDataKey extends DataKeyInfo {
  /** Versions that were wrapped again; 0 where all were under the newest version of the current KEK. */
  readonly rewrapped: number;
}

/** One page of a list. */
export interface DataKeyPage extends Page<DataKeyInfo> {
  /** Records of such ids, by their names, that cannot be read; absent where all could. */
  readonly failures?: readonly JobFailure[];
}

/** A data key that was deleted, and can still be restored. */
export interface DeletedDataKey {
  readonly id: string;
  readonly state: 'pending-deletion';
  readonly purgeAt: Date;
  /** Of the record as it is now. */
  readonly etag: string;
}

/**
 * Data keys by name.
 *
 * Promises: the same id and version give the same bytes for ever; callers that race for a new id all get the same
 * key; nothing is handed out that was not durably stored and opened again, or derived. A version number is never used
 * for a second key, also after a deletion. Whatever changes a key does so by one conditional write.
 */
export interface DataKeys {
  /** Throws `no-data-key`, `no-version`, `data-key-exists`, `length-mismatch` or `pending-deletion`. */
  get(request: GetDataKey, call: Call): Promise<DataKey>;
  /** Also tells of keys that are pending deletion. */
  describe(id: string, call: Call): Promise<DataKeyInfo>;
  /** As `describe`, for all ids with that prefix, in the order of their records' names. A damaged record hides no other. */
  list(prefix: string, from: string | undefined, limit: number, call: Call): Promise<DataKeyPage>;
  /** Makes a new version of the same length, the newest from now on; old ones still open by their numbers. */
  rotate(id: string, call: Call): Promise<DataKeyInfo>;
  /** Wraps every version again that is not under the newest version of the current KEK: the same bytes. */
  rewrap(id: string, call: Call): Promise<RewrappedDataKey>;
  /**
   * Takes the key out of use; it can be restored until `purgeAt`.
   *
   * @param etag of the record as `describe` gave it: another is `stale-etag`, none is `precondition`.
   */
  delete(id: string, etag: string | undefined, call: Call): Promise<DeletedDataKey>;
  /** Takes a deletion back; changes nothing of a key that is not deleted. Throws `no-data-key` once it is purged. */
  restore(id: string, call: Call): Promise<DataKeyInfo>;
}

/** Where a walk over all data keys stands. */
export interface JobProgress {
  /** Records that were looked at. */
  readonly done: number;
  readonly changed: number;
  readonly failed: number;
  /** Where to go on: everything before it is done. Absent when nothing is left. */
  readonly next?: string;
}

/** One record that something is wrong with. */
export interface JobFailure {
  /** Of the record in its store. */
  readonly name: string;
  /** Absent where the record could not be read. */
  readonly id?: string;
  readonly reason: Reason;
  readonly message: string;
  /** Whether another walk may find nothing wrong with it: its KEK was away, or somebody else was changing it. */
  readonly retryable: boolean;
}

export interface JobRequest {
  /** A `next` of an earlier run. */
  readonly from?: string;
  /** Records to look at in this run, at most; `next` tells where to go on. All of them when absent. */
  readonly limit?: number;
  /** Records worked on at once; a handful when absent. */
  readonly concurrency?: number;
  /** Told after every page. */
  onProgress?(progress: JobProgress): void;
}

export interface JobReport extends JobProgress {
  /** The first thousand of them; `failed` counts all. */
  readonly failures: readonly JobFailure[];
}

/** Versions of data keys under one version of one KEK. */
export interface KekUse {
  readonly kek: string;
  readonly kekVersion: string;
  /** Records with at least one such version. */
  readonly records: number;
  readonly versions: number;
}

/**
 * Walks over every data key that is stored.
 *
 * Promises: no failure of one record ends a walk, also one that may pass; where the store or the current KEK is away as a
 * whole the walk ends with `unavailable`, and it is no record's fault; a former KEK that is away costs the records that
 * are under it and no others. Records are held in memory a page at a time; a walk that was cut short, in whatever way,
 * goes on from its last `next`. Records that appear during a walk may be missed.
 */
export interface DataKeyJobs {
  /** `rewrap` of every data key, deleted ones as well; `changed` counts those that had something to wrap again. */
  rewrapAll(request: JobRequest, call: Call): Promise<JobReport>;
  /** Opens every version of every data key, and says which do not open. Changes nothing. */
  verifyAll(request: JobRequest, call: Call): Promise<JobReport>;
  /** Takes the wrapped keys out of every record whose time to be restored is over. */
  purgeAll(request: JobRequest, call: Call): Promise<JobReport>;
  /** Which KEKs wrap how many keys: what must stay before a KEK may go. */
  census(request: JobRequest, call: Call): Promise<JobReport & { readonly keks: readonly KekUse[] }>;
}
