import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Page, Stored, WrappedKeyStore } from '../core/store.ts';
import { within } from '../core/within.ts';
import { readRecord, type WrappedRecord } from '../core/wrapped-record.ts';
import { recordName, recordNamePrefix } from './record-name.ts';

/** A data key's record as it was read. */
export interface FoundRecord {
  readonly record: WrappedRecord;
  readonly stored: Stored;
}

/** Records that are read at a time to list them. */
const READS_AT_A_TIME = 16;

/** The records of data keys in a store, by id. Waits no longer than its calls live. */
export class KeyRecords {
  readonly #store: WrappedKeyStore;

  constructor(store: WrappedKeyStore) {
    this.#store = store;
  }

  /** Throws `context-mismatch` when the store answers with the record of another id. */
  async read(id: string, call: Call): Promise<FoundRecord | undefined> {
    const found = await this.#load(recordName(id), call);
    if (found === undefined || found.record.id === id) return found;
    throw new KeysteadError('context-mismatch', `the record ${recordName(id)} belongs to another data key`);
  }

  /** False: there is a record already, and nothing was written. */
  create(id: string, bytes: Uint8Array, call: Call): Promise<boolean> {
    return within(call, () => this.#store.create(recordName(id), bytes, call));
  }

  /** In the order of the records' names. */
  async list(prefix: string, from: string | undefined, limit: number, call: Call): Promise<Page<FoundRecord>> {
    const items: FoundRecord[] = [];
    let next = from;
    do {
      const page = await within(call, () =>
        this.#store.list(recordNamePrefix(prefix), next, limit - items.length, call),
      );
      // A name may begin as asked although its id does not: by its ending, or because it was cut.
      for (const found of await this.#loadAll(page.items, call))
        if (found.record.id.startsWith(prefix)) items.push(found);
      next = page.next;
    } while (next !== undefined && items.length < limit);
    return next === undefined ? { items } : { items, next };
  }

  async #loadAll(names: readonly string[], call: Call): Promise<FoundRecord[]> {
    const all: FoundRecord[] = [];
    for (let at = 0; at < names.length; at += READS_AT_A_TIME) {
      const some = names.slice(at, at + READS_AT_A_TIME);
      const found = await Promise.all(some.map((name) => this.#load(name, call)));
      for (const one of found) if (one !== undefined) all.push(one); // else deleted meanwhile
    }
    return all;
  }

  async #load(name: string, call: Call): Promise<FoundRecord | undefined> {
    const stored = await within(call, () => this.#store.read(name, call));
    return stored && { record: readRecord(stored.bytes, name), stored };
  }
}
