import type { Clock } from '../../core/clock.ts';

const FIRST = 100;
const LONGEST = 10_000;
/** Milliseconds without a restart after which the next one is as good as the first. */
const QUIET = 30_000;

/** How long to wait before a worker is replaced: longer with each one, so that a crash at start is no storm. */
export class Restarts {
  readonly #clock: Clock;
  #wait = FIRST;
  #last = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async wait(ending: AbortSignal): Promise<void> {
    const now = this.#clock.now().getTime();
    this.#wait = now - this.#last > QUIET ? FIRST : Math.min(this.#wait * 2, LONGEST);
    this.#last = now;
    await this.#clock.sleep(this.#wait, ending);
  }
}
