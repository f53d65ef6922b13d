import type { Clock } from './clock.ts';
import { KeysteadError } from './errors.ts';
import { networkOf } from './network.ts';
import { Remembered } from './remembered.ts';

const MINUTE = 60_000;
/** Sources that are counted at a time; of more, those are forgotten that failed longest ago. */
const MAX_SOURCES = 10_000;

interface Count {
  readonly refused: number;
  /** When the minute began in which they are counted. */
  readonly since: number;
  /** When too many of them had come; undefined: not yet. */
  readonly lockedAt: number | undefined;
}

/**
 * Counts refused credentials by source, and locks a source out for a minute that sent too many within one.
 *
 * Promises: `limit` refusals within a minute lock, and nothing else does; a lock ends after a minute, whatever comes
 * meanwhile, also when the clock is set back; memory is bounded. All addresses of an IPv6 network of 64 bits are one
 * source, since one machine has all of them.
 * Does not promise: anything against somebody with thousands of addresses.
 */
export class LockOut {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #counts = new Remembered<Count>(MAX_SOURCES);

  readonly #elsewhere: ((place: string) => Promise<void>) | undefined;

  /**
   * @param limit 0: no source is ever locked out.
   * @param elsewhere who counts instead, where several processes are one service, and calls `lock` before it resolves.
   */
  constructor(limit: number, clock: Clock, elsewhere?: (place: string) => Promise<void>) {
    this.#limit = limit;
    this.#clock = clock;
    this.#elsewhere = elsewhere;
  }

  /** Throws `too-many-requests` where the source is locked out. */
  assertOpen(source: string | undefined): void {
    const left = this.#lockLeft(source);
    if (left === 0) return;
    throw new KeysteadError('too-many-requests', 'too many credentials were refused from this address', {
      retryAfter: Math.ceil(left / 1000),
    });
  }

  /** Credentials from there were wrong. To be waited for before the sender is told. */
  async refused(source: string | undefined): Promise<void> {
    if (source === undefined || this.#limit === 0 || this.#lockLeft(source) > 0) return;
    const place = networkOf(source);
    if (this.#elsewhere === undefined) this.count(place);
    else await this.#elsewhere(place);
  }

  /** Counts a refusal. @returns when the place was locked out, in milliseconds since 1970; undefined: it is not. */
  count(place: string): number | undefined {
    if (this.#lockLeft(place) > 0) return this.#counts.find(place)?.lockedAt;
    const now = this.#clock.now().getTime();
    const known = this.#counts.find(place);
    const age = known === undefined ? MINUTE : now - known.since;
    const { refused, since } = known === undefined || age < 0 || age >= MINUTE ? { refused: 0, since: now } : known;
    const lockedAt = refused + 1 >= this.#limit ? now : undefined;
    this.#counts.put(place, { refused: refused + 1, since, lockedAt });
    return lockedAt;
  }

  /** Somebody else has counted too many. */
  lock(place: string, at: number): void {
    this.#counts.put(place, { refused: this.#limit, since: at, lockedAt: at });
  }

  /** Milliseconds that the source is still locked out. */
  #lockLeft(source: string | undefined): number {
    if (source === undefined || this.#limit === 0) return 0;
    const lockedAt = this.#counts.find(networkOf(source))?.lockedAt;
    if (lockedAt === undefined) return 0;
    const left = lockedAt + MINUTE - this.#clock.now().getTime();
    // More than a minute: the clock was set back.
    return left > MINUTE ? 0 : Math.max(0, left);
  }
}
