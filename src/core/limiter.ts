import type { Call } from './call.ts';
import type { Clock } from './clock.ts';
import { KeysteadError } from './errors.ts';
import type { Passage } from './passage.ts';
import { whyOver } from './within.ts';

export interface Limits {
  /** Calls at once. */
  readonly concurrency: number;
  /** Calls a second on average; as many may come at once after a quiet second. */
  readonly perSecond: number;
  /** Calls that may wait; more are refused at once. */
  readonly queue: number;
}

/** Far above what one service needs, and below the quota of any cloud's KMS. */
export const GENEROUS: Limits = { concurrency: 128, perSecond: 1000, queue: 2048 };

/**
 * Keeps one service from drowning one KMS or one store.
 *
 * Promises: at most so many calls at once, and so many a second; who comes first goes first; nobody waits longer than
 * the own call lives; where too many wait, `upstream-busy` says after how many seconds to come back.
 *
 * @param name what is kept from drowning, for the error: `kms://aws?…`.
 */
export function limiter(name: string, limits: Limits, clock: Clock): Passage {
  const door = new Turnstile(name, limits, clock);
  return async ({ call, work }) => {
    await door.enter(call);
    try {
      return await work();
    } finally {
      door.leave();
    }
  };
}

/** Bounded concurrency and a token bucket in front of a queue. */
class Turnstile {
  readonly #name: string;
  readonly #limits: Limits;
  readonly #clock: Clock;
  /** Lets the first that waits go in; a set keeps the order, and whoever leaves it leaves no gap. */
  readonly #waiting = new Set<() => void>();
  #inside = 0;
  #tokens: number;
  #filledAt: number;
  /** Ends the sleep until the next token. */
  #pause: AbortController | undefined;

  constructor(name: string, limits: Limits, clock: Clock) {
    this.#name = name;
    this.#limits = limits;
    this.#clock = clock;
    this.#tokens = capacity(limits);
    this.#filledAt = clock.now().getTime();
  }

  async enter({ signal }: Call): Promise<void> {
    if (signal.aborted) throw whyOver(signal);
    if (this.#waiting.size === 0 && this.#take()) return;
    if (this.#waiting.size >= this.#limits.queue) throw this.#busy();
    await new Promise<void>((resolve, reject) => {
      const gone = () => {
        this.#waiting.delete(goIn);
        if (this.#waiting.size === 0) this.#pause?.abort();
        reject(whyOver(signal));
      };
      const goIn = () => {
        signal.removeEventListener('abort', gone);
        resolve();
      };
      signal.addEventListener('abort', gone, { once: true });
      this.#waiting.add(goIn);
      this.#letIn();
    });
  }

  leave(): void {
    this.#inside--;
    this.#letIn();
  }

  #letIn(): void {
    for (const goIn of this.#waiting) {
      if (!this.#take()) break;
      this.#waiting.delete(goIn);
      goIn();
    }
    if (this.#waiting.size > 0 && this.#inside < this.#limits.concurrency) this.#awaitToken();
  }

  #take(): boolean {
    this.#fill();
    if (this.#inside >= this.#limits.concurrency || this.#tokens < 1) return false;
    this.#tokens--;
    this.#inside++;
    return true;
  }

  #fill(): void {
    const now = this.#clock.now().getTime();
    // A clock that was set back gives nothing, and takes nothing.
    const earned = Math.max(0, ((now - this.#filledAt) / 1000) * this.#limits.perSecond);
    this.#tokens = Math.min(capacity(this.#limits), this.#tokens + earned);
    this.#filledAt = now;
  }

  #awaitToken(): void {
    if (this.#pause !== undefined) return;
    const pause = new AbortController();
    this.#pause = pause;
    const ms = Math.max(1, Math.ceil(((1 - this.#tokens) / this.#limits.perSecond) * 1000));
    const over = () => {
      if (this.#pause === pause) this.#pause = undefined;
      this.#letIn();
    };
    this.#clock.sleep(ms, pause.signal).then(over, over);
  }

  #busy(): KeysteadError {
    const { perSecond, queue } = this.#limits;
    return new KeysteadError('upstream-busy', `${queue} calls wait for ${this.#name} already; try again later`, {
      retryAfter: Math.max(1, Math.ceil(queue / perSecond)),
    });
  }
}

/** A rate below one a second must still let one call in. */
function capacity({ perSecond }: Limits): number {
  return Math.max(1, perSecond);
}
