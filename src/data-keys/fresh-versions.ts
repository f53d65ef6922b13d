import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import type { RecordVersion } from '../core/wrapped-record.ts';
import { openVersion, wrapVersion } from './key-version.ts';
import { isBlob, type KeptRecord, type KeyRecord, newestOf, versionOf } from './record-state.ts';
import type { StoredHouse } from './stored-house.ts';

interface Fresh {
  readonly key: SecretBytes;
  readonly wrapped: Uint8Array;
}

/** Versions of one data key that are wrapped now, and their keys, to hold what gets stored against. */
export class FreshVersions {
  readonly #house: StoredHouse;
  readonly #id: string;
  readonly #fresh = new Map<number, Fresh>();

  constructor(house: StoredHouse, id: string) {
    this.#house = house;
    this.#id = id;
  }

  get count(): number {
    return this.#fresh.size;
  }

  /** A new key under the current KEK. */
  make(version: number, length: number, call: Call): Promise<RecordVersion> {
    const { random, clock } = this.#house;
    return this.#wrap(SecretBytes.own(random.bytes(length)), version, clock.now(), call);
  }

  /** The key of a version, opened, under the current KEK; of Constellation's, which say no date, from now on. */
  async again(record: KeptRecord, version: number, call: Call): Promise<RecordVersion> {
    const old = versionOf(record, version);
    const key = await openVersion(this.#house.kek, this.#id, old, call);
    return this.#wrap(key, version, 'createdAt' in old ? old.createdAt : this.#house.clock.now(), call);
  }

  /** The versions of a record as ours: what Constellation stored is wrapped again. */
  async allOf(record: KeptRecord, call: Call): Promise<readonly [RecordVersion, ...RecordVersion[]]> {
    return isBlob(record) ? [await this.again(record, newestOf(record).version, call)] : record.versions;
  }

  /** Whether a record holds all of them, as they were wrapped here. */
  shownIn(record: KeyRecord): boolean {
    if (!('versions' in record)) return false;
    return [...this.#fresh].every(([number, { wrapped }]) => {
      const there = record.versions.find(({ version }) => version === number);
      return there !== undefined && Buffer.compare(there.wrapped.bytes, wrapped) === 0;
    });
  }

  /** Opens each out of a record that was read back. Throws `store-inconsistent` when one is another key. */
  async verify(record: KeptRecord, call: Call): Promise<void> {
    for (const [number, { key }] of this.#fresh) {
      const back = await openVersion(this.#house.kek, this.#id, versionOf(record, number), call);
      const same = back.equals(key);
      back.dispose();
      if (same) continue;
      throw new KeysteadError(
        'store-inconsistent',
        `${this.#house.store.uri} said that it stored the data key, and holds another; nothing was handed out`,
      );
    }
  }

  /** The key of one of them, which the caller disposes. */
  keyOf(version: number): SecretBytes {
    const fresh = this.#fresh.get(version);
    if (fresh === undefined) throw new KeysteadError('unexpected', 'a version was never made');
    return fresh.key.clone();
  }

  dispose(): void {
    for (const { key } of this.#fresh.values()) key.dispose();
  }

  /** Takes the key over. */
  async #wrap(key: SecretBytes, version: number, createdAt: Date, call: Call): Promise<RecordVersion> {
    try {
      const wrapped = await wrapVersion(this.#house.kek, this.#id, { version, key, createdAt }, call);
      this.#fresh.set(version, { key, wrapped: wrapped.wrapped.bytes });
      return wrapped;
    } catch (error) {
      key.dispose();
      throw error;
    }
  }
}
