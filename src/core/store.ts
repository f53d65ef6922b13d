import type { Call } from './call.ts';

/** A record as it was read: its bytes and the etag that a conditional write takes. */
export interface Stored {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

/** One page of a list; `next` is what to pass as `from` for the following page, absent on the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/**
 * A place for small named records, with conditional writes.
 *
 * Promises: `create` never overwrites, also between processes; `replace` and `delete` act only on the etag that was
 * read; a record read is exactly a record written; `list` is ordered by the names' bytes and holds every name that
 * existed during the whole walk (it may miss names created while it runs).
 * Does not promise: secrecy. Everything given to a store is already wrapped.
 *
 * Names have 1 to 700 characters of `A-Z a-z 0-9 . _ ~ % / -`; upper and lower case are different names. `%` is a
 * character like any other: nothing is decoded. No part between slashes is empty, or ends with a dot.
 */
export interface WrappedKeyStore {
  /** Credentials removed. */
  readonly uri: string;
  read(name: string, call: Call): Promise<Stored | undefined>;
  /** False: someone else was first, and nothing was written. */
  create(name: string, bytes: Uint8Array, call: Call): Promise<boolean>;
  /** Throws `stale-etag` when the record is not the one that was read, or is gone. */
  replace(name: string, bytes: Uint8Array, etag: string, call: Call): Promise<void>;
  /** Throws `stale-etag` as `replace` does. */
  delete(name: string, etag: string, call: Call): Promise<void>;
  /** Names that begin with `prefix`, from `from` on (a `next` of an earlier page), at most `limit`. */
  list(prefix: string, from: string | undefined, limit: number, call: Call): Promise<Page<string>>;
  /** For readiness; also proves that `create` and `replace` are conditional, and refuses a store that ignores a condition. */
  check(call: Call): Promise<void>;
  close(): Promise<void>;
}
