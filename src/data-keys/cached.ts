import { isAway } from '../core/away.ts';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import { changing } from './changing.ts';
import type { DataKey, DataKeys, GetDataKey } from './data-keys.ts';
import { KeyShelf } from './key-shelf.ts';

export interface CacheSettings {
  /** Milliseconds that a key is given out without asking for it again. */
  readonly ttlMs: number;
  /** Keys at most, every version counted. */
  readonly maxKeys: number;
  /** Milliseconds behind the end of `ttlMs` in which a key is still given out while KMS or store is away; 0: never. */
  readonly offlineMs: number;
}

/** Data keys out of a cache; `close` wipes it. */
export interface CachedDataKeys extends DataKeys {
  close(): void;
}

/** Milliseconds in which nobody asks again a KMS or a store that is away, where the cache has the key. */
const AWAY_MS = 1000;
/** The cache is looked through so often while a key lives. */
const SWEEPS = 10;

/**
 * Keeps unwrapped data keys for a while, by id and version.
 *
 * Promises: a key that was evicted, has expired, was changed or is refused is wiped; a key is never given out for longer
 * than `ttlMs` after it was asked for, and `offlineMs` more where KMS or store is away; a change by this process (rotate, delete, rewrap, restore) counts at once, one by another process within `ttlMs`; a key
 * that the KMS or the store refuses is gone from the cache, also within `offlineMs`.
 * Does not promise: that the bytes leave memory the moment they expire; that takes up to a tenth of their life more.
 */
export function cachedDataKeys(inner: DataKeys, settings: CacheSettings, clock: Clock): CachedDataKeys {
  const cache = new Cache(settings, clock);
  return {
    ...changing(inner, (id) => cache.forget(id)),
    async get(request, call) {
      if (request.create === 'must') return inner.get(request, call);
      const hit = cache.take(request);
      if (hit !== undefined) return hit;
      const asked = cache.ask();
      try {
        const key = await inner.get(request, call);
        cache.put(asked, key, request.version === undefined);
        return key;
      } catch (error) {
        if (isRefusal(error)) cache.forget(request.id);
        if (!isAway(error)) throw error;
        cache.upstreamIsAway();
        const late = cache.take(request);
        if (late === undefined) throw error;
        return late;
      }
    },
    close: () => cache.close(),
  };
}

/** When a store was asked, and how much had been forgotten by then. */
interface Asked {
  readonly at: number;
  readonly forgotten: number;
}

class Cache {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #lifeMs: number;
  readonly #shelf: KeyShelf;
  readonly #closing = new AbortController();
  #forgotten = 0;
  #sweeping = false;
  #awaySince = Number.NEGATIVE_INFINITY;

  constructor({ ttlMs, offlineMs, maxKeys }: CacheSettings, clock: Clock) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#lifeMs = ttlMs + offlineMs;
    this.#shelf = new KeyShelf(maxKeys);
  }

  upstreamIsAway(): void {
    this.#awaySince = this.#clock.now().getTime();
  }

  take({ id, version, length }: GetDataKey): DataKey | undefined {
    const found = this.#shelf.find(id, version);
    // Another length is for the store to refuse.
    if (found === undefined || found.key.length !== length) return undefined;
    const now = this.#clock.now().getTime();
    const age = now - found.askedAt;
    const maxAge = Math.abs(now - this.#awaySince) < AWAY_MS ? this.#lifeMs : this.#ttlMs;
    // Below zero: the clock was set back, and nobody knows how old it is.
    if (age < 0 || age >= maxAge) return undefined;
    return { id, version: found.version, key: found.key.clone(), created: false, source: 'cache' };
  }

  ask(): Asked {
    return { at: this.#clock.now().getTime(), forgotten: this.#forgotten };
  }

  put(asked: Asked, { id, version, key }: DataKey, newest: boolean): void {
    // What was asked for before something was changed may be what was before the change.
    if (asked.forgotten !== this.#forgotten || this.#closing.signal.aborted) return;
    this.#shelf.put({ id, version, key, askedAt: asked.at }, newest);
    if (!this.#sweeping) void this.#sweep();
  }

  forget(id: string): void {
    this.#forgotten++;
    this.#shelf.remove(id);
  }

  close(): void {
    this.#closing.abort();
    this.#shelf.removeBefore(Number.POSITIVE_INFINITY);
  }

  /** Wipes what has expired also when nobody asks any more. */
  async #sweep(): Promise<void> {
    this.#sweeping = true;
    const { signal } = this.#closing;
    while (this.#shelf.size > 0 && !signal.aborted) {
      await this.#clock.sleep(Math.ceil(this.#lifeMs / SWEEPS), signal).catch(() => {});
      this.#shelf.removeBefore(this.#clock.now().getTime() - this.#lifeMs);
    }
    this.#sweeping = false;
  }
}

/** Whether an answer says that the key is not to be had any more: not to be had late from here either. */
function isRefusal(error: unknown): boolean {
  const { code, reason } = KeysteadError.from(error);
  if (reason === 'length-mismatch' || reason === 'no-version') return false; // of the request, not of the key
  return ['not_found', 'permission_denied', 'unauthenticated', 'failed_precondition', 'data_loss'].includes(code);
}
