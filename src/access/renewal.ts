import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { AwsCredentials } from '../core/roles.ts';
import { EXPIRY_MARGIN_MS } from './session-cache.ts';

/** Milliseconds before their end from which on fresh credentials are fetched in the background. */
const AHEAD_MS = 300_000;
/** At most this part of the time that they had when they came: some sessions live shorter than that. */
const SHARE = 0.25;

/** Gives credentials that live for longer than `leftMs`. */
type Fetch = (call: Call, leftMs: number) => Promise<AwsCredentials>;

/**
 * Credentials that stay alive: the same as long as they do, then fresh ones. A while before their end fresh ones are
 * fetched in the background; when that fails, it is tried again by the next call, and told only when the time is up.
 */
export class Renewal {
  readonly #clock: Clock;
  readonly #fetch: Fetch;
  #now: AwsCredentials;
  /** Behind that they are renewed in the background, … */
  #aheadMs = 0;
  /** … and behind that they are no longer given out. */
  #marginMs = 0;
  #inBackground: Promise<void> | undefined;

  constructor(first: AwsCredentials, clock: Clock, fetch: Fetch) {
    this.#clock = clock;
    this.#fetch = fetch;
    this.#now = first;
    this.#measure();
  }

  async credentials(call: Call): Promise<AwsCredentials> {
    const left = this.#leftMs();
    if (left > this.#aheadMs) return this.#now;
    if (left > this.#marginMs) {
      const own = { ...call, signal: new AbortController().signal };
      this.#inBackground ??= this.#renew(own)
        .catch(() => {}) // told when the time is up, if it still fails then
        .finally(() => {
          this.#inBackground = undefined;
        });
      return this.#now;
    }
    await this.#inBackground;
    if (this.#leftMs() <= this.#marginMs) await this.#renew(call);
    return this.#now;
  }

  async #renew(call: Call): Promise<void> {
    this.#now = await this.#fetch(call, this.#aheadMs);
    this.#measure();
  }

  #measure(): void {
    const left = this.#leftMs();
    // Shorter than the margin from the first moment on: they are used all the same, or there would be none.
    this.#marginMs = left > EXPIRY_MARGIN_MS ? EXPIRY_MARGIN_MS : Math.max(0, left * SHARE);
    this.#aheadMs = Math.max(this.#marginMs, Math.min(AHEAD_MS, left * SHARE));
  }

  #leftMs(): number {
    const { expiresAt } = this.#now;
    return expiresAt === undefined ? Number.POSITIVE_INFINITY : expiresAt.getTime() - this.#clock.now().getTime();
  }
}
