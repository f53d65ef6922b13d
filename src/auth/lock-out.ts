import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import { networkOf } from '../core/network.ts';
import { Remembered } from '../core/remembered.ts';

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
 * Does not promise: anything against somebody with thousands of addresses, or across processes: each counts for itself.
 */
export class LockOut {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #counts = new Remembered<Count>(MAX_SOURCES);

  /** @param limit 0: no source is ever locked out. */
  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Throws `too-many-requests` where the source is locked out. */
  assertOpen(source: string | undefined): void {
    const left = this.#lockLeft(source);
    if (left === 0) return;
    throw new KeysteadError('too-many-requests', 'too many credentials were refused from this address', {
      retryAfter: Math.ceil(left / 1000),
    });
  }

  /** Credentials from there were wrong. */
  refused(source: string | undefined): void {
    if (source === undefined || this.#limit === 0 || this.#lockLeft(source) > 0) return;
    const now = this.#clock.now().getTime();
    const place = networkOf(source);
    const known = this.#counts.find(place);
    const age = known === undefined ? MINUTE : now - known.since;
    const { refused, since } = known === undefined || age < 0 || age >= MINUTE ? { refused: 0, since: now } : known;
    const lockedAt = refused + 1 >= this.#limit ? now : undefined;
    this.#counts.put(place, { refused: refused + 1, since, lockedAt });
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
