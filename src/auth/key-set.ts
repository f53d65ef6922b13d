import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';

/** Milliseconds after a fetch in which a token of an unknown key causes no other one. */
const COOL_DOWN = 10_000;
/** Milliseconds after a fetch that failed in which no other one is tried. */
const RETRY = 2000;
/** Milliseconds that callers wait for newer keys while there are older ones to use. */
const PATIENCE = 500;

export interface KeySetOptions {
  /** Names the authenticator in error texts. */
  readonly name: string;
  /** Milliseconds. */
  readonly refreshMs: number;
  readonly outageMs: number;
  readonly clock: Clock;
  /** Fetches the JWK Set. Throws why it cannot be had. */
  load(): Promise<unknown>;
  /** Told once when the keys cannot be fetched any more, and once when they can again. */
  changed?(failure: KeysteadError | undefined): void;
}

/** What came of a use of the keys, and until when they may be taken for what their issuer publishes. */
export interface Used<T> {
  readonly result: T;
  /** Milliseconds since 1970. */
  readonly freshUntil: number;
}

/**
 * The public keys of one issuer, in memory.
 *
 * Promises: keys older than `refreshMs` are used only while newer ones cannot be had within half a second, and keys older
 * than `refreshMs` + `outageMs` never, to the millisecond; an unknown key causes a fetch, but not within 10 seconds after
 * the last one; one fetch at a time; while there are keys to use, nobody waits longer for an issuer that is slow, nor at
 * all for one that is away.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  #keys: JWTVerifyGetKey | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  /** Why the last fetch failed; undefined when it did not. */
  #failure: KeysteadError | undefined;
  #flight: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /** Uses the keys; a second time when `use` wanted one that was not there. Throws `issuer-unreachable` without keys. */
  async use<T>(use: (keys: JWTVerifyGetKey) => Promise<T>): Promise<Used<T>> {
    try {
      const keys = await this.#current();
      return { result: await use(keys), freshUntil: this.#freshUntil() };
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (this.#flight === undefined) {
        // The key may be a new one, which nobody can tell while the issuer is away.
        if (this.#failure !== undefined && this.#within(RETRY)) throw this.#failure;
        if (this.#failure === undefined && this.#within(COOL_DOWN)) throw error;
      }
      await this.#fetch();
      return { result: await use(await this.#current()), freshUntil: this.#freshUntil() };
    }
  }

  async #current(): Promise<JWTVerifyGetKey> {
    const { refreshMs, outageMs } = this.#options;
    const fresh = this.#usable(refreshMs);
    if (fresh !== undefined) return fresh;
    const late = this.#usable(refreshMs + outageMs);
    if (this.#failure !== undefined && this.#within(RETRY)) {
      if (late === undefined) throw this.#failure;
      return late;
    }
    const fetched = this.#fetch().then(
      () => undefined,
      (error: KeysteadError) => error,
    );
    const failure = await (late === undefined ? fetched : this.#briefly(fetched));
    const keys = this.#usable(refreshMs + outageMs);
    if (keys === undefined) throw failure ?? this.#unreachable('they are older than allowed');
    return keys;
  }

  /** What comes of a fetch, as far as it comes soon after it began. */
  async #briefly<T>(fetched: Promise<T>): Promise<T | undefined> {
    const left = Math.min(PATIENCE, this.#triedAt + PATIENCE - this.#now());
    if (this.#failure !== undefined || left <= 0) return undefined;
    const over = new AbortController();
    const late = this.#options.clock.sleep(left, over.signal).then(() => undefined);
    try {
      return await Promise.race([fetched, late]);
    } finally {
      over.abort();
    }
  }

  /** Below zero: the clock was set back, and nobody knows how old they are. */
  #usable(maxAge: number): JWTVerifyGetKey | undefined {
    const age = this.#now() - this.#fetchedAt;
    return age >= 0 && age < maxAge ? this.#keys : undefined;
  }

  #freshUntil(): number {
    const { refreshMs, outageMs } = this.#options;
    const fresh = this.#fetchedAt + refreshMs;
    return this.#now() < fresh ? fresh : Math.min(this.#now() + RETRY, fresh + outageMs);
  }

  #within(milliseconds: number): boolean {
    const age = this.#now() - this.#triedAt;
    return age >= 0 && age < milliseconds;
  }

  #fetch(): Promise<void> {
    this.#flight ??= this.#load().finally(() => {
      this.#flight = undefined;
    });
    return this.#flight;
  }

  async #load(): Promise<void> {
    const asked = this.#now();
    this.#triedAt = asked;
    try {
      const document = await this.#options.load();
      this.#keys = localKeys(document);
      this.#fetchedAt = asked;
      this.#settle(undefined);
    } catch (error) {
      const why = error instanceof KeysteadError ? error.message : 'something unexpected happened';
      const failure = this.#unreachable(why, error);
      this.#settle(failure);
      throw failure;
    }
  }

  #settle(failure: KeysteadError | undefined): void {
    const before = this.#failure;
    this.#failure = failure;
    if ((before === undefined) !== (failure === undefined)) this.#options.changed?.(failure);
  }

  #unreachable(why: string, cause?: unknown): KeysteadError {
    return new KeysteadError('issuer-unreachable', `the keys of ${this.#options.name} cannot be had: ${why}`, {
      cause,
    });
  }

  #now(): number {
    return this.#options.clock.now().getTime();
  }
}

function localKeys(document: unknown): JWTVerifyGetKey {
  try {
    return createLocalJWKSet(document as JSONWebKeySet);
  } catch (error) {
    throw new KeysteadError('issuer-unreachable', 'what is given is no JWK Set', { cause: error });
  }
}
