import { readBlobInfo } from '../core/blob-info.ts';
import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Page, WrappedKeyStore } from '../core/store.ts';
import { within } from '../core/within.ts';
import { readRecord } from '../core/wrapped-record.ts';
import type { JobFailure } from './data-keys.ts';
import { blobName, isBlobName, mayBeOfPrefix, recordName, recordNamePrefix } from './record-name.ts';
import { type FoundRecord, isBlob, type KeyRecord } from './record-state.ts';

/** Records that are read at a time to list them. */
const READS_AT_A_TIME = 16;
/** Before the names of Constellation's records in what says where to go on: no name of ours begins so. */
const BLOBS = 'constellation:';

/** Throws `context-mismatch` where the record of that name belongs to another one. */
export function assertNamed(record: KeyRecord, name: string): void {
  if (isBlob(record) || recordName(record.id) === name) return;
  throw new KeysteadError('context-mismatch', `the record ${name} belongs to another data key`);
}

/** One page of a list. */
interface FoundPage extends Page<FoundRecord> {
  readonly failures: readonly JobFailure[];
}

/** The records of data keys in a store, by id. Waits no longer than its calls live. */
export class KeyRecords {
  readonly #store: WrappedKeyStore;
  readonly #constellation: boolean;

  /** @param options.constellation whether records of Constellation are looked for where there is none of ours. */
  constructor(store: WrappedKeyStore, options: { readonly constellation: boolean }) {
    this.#store = store;
    this.#constellation = options.constellation;
  }

  /** Throws `context-mismatch` when the store answers with the record of another id. */
  async read(id: string, call: Call): Promise<FoundRecord | undefined> {
    const found = await this.#load(recordName(id), call);
    if (found === undefined) return this.#readBlob(id, call);
    assertNamed(found.record, recordName(id));
    return found;
  }

  /**
   * Writes over what was found, in one conditional write; a record of Constellation stays where it is. False: the record
   * is another one by now, and nothing was written.
   */
  async write(id: string, over: FoundRecord | undefined, bytes: Uint8Array, call: Call): Promise<boolean> {
    const name = recordName(id);
    if (over === undefined || isBlob(over.record)) return within(call, () => this.#store.create(name, bytes, call));
    try {
      await within(call, () => this.#store.replace(name, bytes, over.stored.etag, call));
      return true;
    } catch (error) {
      if (error instanceof KeysteadError && error.reason === 'stale-etag') return false;
      throw error;
    }
  }

  /** Deletes Constellation's record of the id, if there is one. */
  async removeBlob(id: string, call: Call): Promise<void> {
    const found = await this.#readBlob(id, call);
    if (found !== undefined) await within(call, () => this.#store.delete(blobName(id), found.stored.etag, call));
  }

  /** Names of records, those of Constellation last; some may turn out to be of no data key with that prefix. */
  async names(prefix: string, from: string | undefined, limit: number, call: Call): Promise<Page<string>> {
    if (from?.startsWith(BLOBS)) return this.#blobNames(prefix, from.slice(BLOBS.length), limit, call);
    const page = await within(call, () => this.#store.list(recordNamePrefix(prefix), from, limit, call));
    return page.next === undefined && this.#constellation ? { ...page, next: BLOBS } : page;
  }

  /** The record of such a name; undefined where it was deleted meanwhile, or where ours has taken its place. */
  async load(name: string, call: Call): Promise<FoundRecord | undefined> {
    if (!isBlobName(name)) return this.#load(name, call);
    const ours = await within(call, () => this.#store.read(recordName(name), call));
    return ours === undefined ? this.#readBlob(name, call) : undefined;
  }

  /** In the order of the records' names; what cannot be read stands beside. @param kept what to leave out. */
  async list(
    prefix: string,
    from: string | undefined,
    limit: number,
    kept: (record: KeyRecord) => boolean,
    call: Call,
  ): Promise<FoundPage> {
    const [items, failures]: [FoundRecord[], JobFailure[]] = [[], []];
    let next = from;
    do {
      const page = await this.names(prefix, next, limit - items.length - failures.length, call);
      for (const loaded of await this.#loadAll(page.items, call)) {
        // A name may begin as asked although its id does not: by its ending, or because it was cut.
        if ('reason' in loaded) {
          if (mayBeOfPrefix(loaded.name, prefix)) failures.push(loaded);
        } else if (loaded.record.id.startsWith(prefix) && kept(loaded.record)) items.push(loaded);
      }
      next = page.next;
    } while (next !== undefined && items.length + failures.length < limit);
    return { items, failures, ...(next === undefined ? {} : { next }) };
  }

  async #blobNames(prefix: string, from: string, limit: number, call: Call): Promise<Page<string>> {
    const start = from === '' ? undefined : from;
    const { items, next } = await within(call, () => this.#store.list(prefix, start, limit, call));
    const names = items.filter(isBlobName);
    return next === undefined ? { items: names } : { items: names, next: `${BLOBS}${next}` };
  }

  async #loadAll(names: readonly string[], call: Call): Promise<(FoundRecord | JobFailure)[]> {
    const all: (FoundRecord | JobFailure)[] = [];
    for (let at = 0; at < names.length; at += READS_AT_A_TIME) {
      const some = names.slice(at, at + READS_AT_A_TIME);
      const found = await Promise.all(some.map((name) => this.#loadOrTell(name, call)));
      for (const one of found) if (one !== undefined) all.push(one); // else deleted meanwhile
    }
    return all;
  }

  async #loadOrTell(name: string, call: Call): Promise<FoundRecord | JobFailure | undefined> {
    try {
      const found = await this.load(name, call);
      if (found !== undefined) assertNamed(found.record, name);
      return found;
    } catch (error) {
      const { code, reason, message } = KeysteadError.from(error);
      if (code !== 'data_loss') throw error;
      return { name, reason, message, retryable: false };
    }
  }

  async #load(name: string, call: Call): Promise<FoundRecord | undefined> {
    const stored = await within(call, () => this.#store.read(name, call));
    return stored && { record: readRecord(stored.bytes, name), stored };
  }

  async #readBlob(id: string, call: Call): Promise<FoundRecord | undefined> {
    if (!this.#constellation || !isBlobName(blobName(id))) return undefined;
    const name = blobName(id);
    const stored = await within(call, () => this.#store.read(name, call));
    return stored && { record: { id, blob: readBlobInfo(stored.bytes, name) }, stored };
  }
}
