import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import { Remembered } from '../core/remembered.ts';
import type { TokenReviewer } from '../core/token-review.ts';
import { refused } from './jwt.ts';

/** Milliseconds that a no of the API server counts at most, and that it is left alone when it is away. */
const BRIEFLY = 1000;
const MOST = 10_000;

export interface ReviewsDeps {
  readonly reviewer: TokenReviewer;
  readonly clock: Clock;
  readonly audiences: readonly string[];
  /** Milliseconds that a yes counts. */
  readonly cacheMs: number;
}

/**
 * Asks the API server about tokens whose signature holds, and spares it the same question for a moment.
 *
 * Promises: a yes counts for `cacheMs` from the question on, a no for a second at most; no answer is never a yes.
 */
export class Reviews {
  readonly #deps: ReviewsDeps;
  readonly #denied = new Remembered<number>(MOST);
  #away: { readonly since: number; readonly failure: KeysteadError } | undefined;

  constructor(deps: ReviewsDeps) {
    this.#deps = deps;
  }

  /** Until when the yes counts, in milliseconds since 1970. Throws `bad-credentials` or `token-review-unavailable`. */
  async assertAccepted(token: string, mark: string, username: string): Promise<number> {
    const { reviewer, audiences, cacheMs } = this.#deps;
    const asked = this.#now();
    if (this.#recent(this.#denied.find(mark), Math.min(BRIEFLY, cacheMs))) throw denied();
    if (this.#away !== undefined && this.#recent(this.#away.since, BRIEFLY)) throw this.#away.failure;
    const answer = await reviewer.review(token, audiences).catch((error) => {
      this.#away = { since: this.#now(), failure: KeysteadError.from(error) };
      throw error;
    });
    this.#away = undefined;
    if (answer.authenticated && answer.username === username) return asked + cacheMs;
    this.#denied.put(mark, asked);
    throw denied();
  }

  #recent(since: number | undefined, milliseconds: number): boolean {
    const age = since === undefined ? -1 : this.#now() - since;
    return age >= 0 && age < milliseconds;
  }

  #now(): number {
    return this.#deps.clock.now().getTime();
  }
}

function denied(): KeysteadError {
  return refused('the API server does not accept it, or no longer');
}
