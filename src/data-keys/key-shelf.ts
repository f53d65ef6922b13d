import type { SecretBytes } from '../core/secret-bytes.ts';

/** A key that is kept, and when its store was asked for it. */
export interface KeptKey {
  readonly id: string;
  readonly version: number;
  readonly key: SecretBytes;
  readonly askedAt: number;
}

interface Kept {
  readonly versions: Map<number, KeptKey>;
  newest?: { readonly version: number; readonly askedAt: number };
}

/**
 * Plaintext data keys by id and version, least recently used first out.
 *
 * Promises: whatever leaves is wiped; at most `maxKeys` are held.
 */
export class KeyShelf {
  readonly #maxKeys: number;
  readonly #byId = new Map<string, Kept>();
  /** All of them, the least recently used first. */
  readonly #order = new Set<KeptKey>();

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#order.size;
  }

  /**
   * The key, and since when it is known to be the one: for the newest version, since when that one is known to be the
   * newest. Still the shelf's own: the caller clones it, and does not dispose it.
   */
  find(id: string, version: number | undefined): KeptKey | undefined {
    const kept = this.#byId.get(id);
    const wanted = version ?? kept?.newest?.version;
    const found = wanted === undefined ? undefined : kept?.versions.get(wanted);
    if (found === undefined) return undefined;
    this.#order.delete(found);
    this.#order.add(found);
    return version === undefined && kept?.newest !== undefined ? { ...found, askedAt: kept.newest.askedAt } : found;
  }

  /** Copies the key. @param newest whether it was the newest version when it was asked for. */
  put(key: KeptKey, newest: boolean): void {
    const { id, version, askedAt } = key;
    const kept: Kept = this.#byId.get(id) ?? { versions: new Map() };
    this.#byId.set(id, kept);
    const before = kept.versions.get(version);
    if (before !== undefined) {
      before.key.dispose();
      this.#order.delete(before);
    }
    const own = { id, version, askedAt, key: key.key.clone() };
    kept.versions.set(version, own);
    this.#order.add(own);
    if (newest && askedAt >= (kept.newest?.askedAt ?? askedAt)) kept.newest = { version, askedAt };
    for (const oldest of this.#order) {
      if (this.#order.size <= this.#maxKeys) break;
      this.#remove(oldest);
    }
  }

  remove(id: string): void {
    for (const key of this.#byId.get(id)?.versions.values() ?? []) this.#remove(key);
  }

  /** Removes what was asked for before that time. */
  removeBefore(time: number): void {
    for (const key of this.#order) if (key.askedAt < time) this.#remove(key);
  }

  #remove(key: KeptKey): void {
    key.key.dispose();
    this.#order.delete(key);
    const kept = this.#byId.get(key.id);
    kept?.versions.delete(key.version);
    if (kept?.versions.size === 0) this.#byId.delete(key.id);
  }
}
