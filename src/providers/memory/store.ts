import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Stored, WrappedKeyStore } from '../../core/store.ts';
import { proveConditionalWrites } from '../../core/store-check.ts';
import { within } from '../../core/within.ts';

/** Bytes of all names and records together, unless told otherwise. */
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/**
 * A store in this process's memory: the reference of the contract, for development and tests. Everything is lost when
 * the process ends, and no other process sees it.
 *
 * Every operation is one step that nothing can come between.
 *
 * @param options.maxBytes what all names and records may take together; more is refused with `store-full`.
 */
export function memoryStore(options: { readonly maxBytes?: number } = {}): WrappedKeyStore {
  const records = new Records(options.maxBytes ?? DEFAULT_MAX_BYTES);
  const step = <T>(call: Call, operation: () => T): Promise<T> => within(call, async () => operation());
  const store: WrappedKeyStore = {
    uri: 'storage://memory',
    read: (name, call) => step(call, () => records.read(name)),
    create: (name, bytes, call) =>
      step(call, () => {
        if (records.has(name)) return false;
        records.write(name, bytes);
        return true;
      }),
    replace: (name, bytes, etag, call) =>
      step(call, () => {
        records.assertEtag(name, etag);
        records.write(name, bytes);
      }),
    delete: (name, etag, call) =>
      step(call, () => {
        records.assertEtag(name, etag);
        records.delete(name);
      }),
    list: (prefix, from, limit, call) =>
      step(call, () => {
        const found = records.names(prefix, from, limit + 1);
        const next = found[limit];
        return next === undefined ? { items: found } : { items: found.slice(0, limit), next };
      }),
    check: (call) => proveConditionalWrites(store, call),
    close: async () => records.clear(),
  };
  return store;
}

/** The records, copied in and out, in the order of their names' bytes. */
class Records {
  readonly #byName = new Map<string, Stored>();
  readonly #maxBytes: number;
  #bytes = 0;
  #writes = 0;
  /** All names in order; undefined when a name has come or gone since. */
  #sorted: string[] | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  read(name: string): Stored | undefined {
    const stored = this.#byName.get(name);
    return stored && { bytes: Uint8Array.from(stored.bytes), etag: stored.etag };
  }

  assertEtag(name: string, etag: string): void {
    if (this.#byName.get(name)?.etag === etag) return;
    throw new KeysteadError(
      'stale-etag',
      `the record ${name} has changed since it was read, or is gone; read it again`,
    );
  }

  write(name: string, bytes: Uint8Array): void {
    const total = this.#bytes - this.#sizeOf(name) + Buffer.byteLength(name) + bytes.length;
    if (total > this.#maxBytes) {
      throw new KeysteadError('store-full', `storage://memory holds at most ${this.#maxBytes} bytes`);
    }
    this.#bytes = total;
    if (!this.#byName.has(name)) this.#sorted = undefined;
    // Counted over the whole store, so that a record deleted and created again has another etag.
    this.#writes++;
    this.#byName.set(name, { bytes: Uint8Array.from(bytes), etag: String(this.#writes) });
  }

  delete(name: string): void {
    this.#bytes -= this.#sizeOf(name);
    this.#byName.delete(name);
    this.#sorted = undefined;
  }

  names(prefix: string, from: string | undefined, limit: number): string[] {
    const start = from !== undefined && byBytes(from, prefix) > 0 ? from : prefix;
    this.#sorted ??= [...this.#byName.keys()].sort(byBytes);
    const found: string[] = [];
    for (let at = firstAtOrAfter(this.#sorted, start); at < this.#sorted.length && found.length < limit; at++) {
      const name = this.#sorted[at] as string;
      if (!name.startsWith(prefix)) break;
      found.push(name);
    }
    return found;
  }

  clear(): void {
    this.#byName.clear();
    this.#sorted = undefined;
    this.#bytes = 0;
  }

  #sizeOf(name: string): number {
    const stored = this.#byName.get(name);
    return stored === undefined ? 0 : Buffer.byteLength(name) + stored.bytes.length;
  }
}

/** Not `<`: that compares UTF-16 units, which order some characters otherwise than their UTF-8 bytes. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function firstAtOrAfter(sorted: readonly string[], start: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (byBytes(sorted[middle] as string, start) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
