import type { Clock } from '../../core/clock.ts';

/**
 * What one peer may do without use before it is sent away: a budget that every useless act spends and that time and
 * useful acts give back. Cheap acts of a peer that cost us more (CVE-2023-44487 and its kin) end here.
 */
export class Patience {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #perSecond: number;
  #left: number;
  #at: number;

  constructor(deps: { clock: Clock; most: number; perSecond: number }) {
    this.#clock = deps.clock;
    this.#most = deps.most;
    this.#perSecond = deps.perSecond;
    this.#left = deps.most;
    this.#at = deps.clock.now().getTime();
  }

  /** False when there is none left. */
  spend(): boolean {
    const now = this.#clock.now().getTime();
    this.#regain((Math.max(0, now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
    this.#left--;
    return this.#left >= 0;
  }

  /** One useful act. */
  reward(): void {
    this.#regain(1);
  }

  #regain(amount: number): void {
    this.#left = Math.min(this.#most, this.#left + amount);
  }
}
