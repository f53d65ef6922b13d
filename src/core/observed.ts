import { KeysteadError } from './errors.ts';
import type { Passage, UpstreamOperation } from './passage.ts';

/** How one call to a KMS or a store ended. */
export interface UpstreamOutcome {
  readonly operation: UpstreamOperation;
  /** `ok`, or the reason of the error: a closed list, fit for a label. */
  readonly outcome: string;
  readonly seconds: number;
}

/**
 * Tells of every call how it ended and how long it took.
 *
 * @param now milliseconds of a clock that never goes back, such as `performance.now`.
 */
export function observed(tell: (outcome: UpstreamOutcome) => void, now: () => number): Passage {
  return async ({ operation, work }) => {
    const begin = now();
    const end = (outcome: string) => tell({ operation, outcome, seconds: (now() - begin) / 1000 });
    try {
      const result = await work();
      end('ok');
      return result;
    } catch (error) {
      end(KeysteadError.from(error).reason);
      throw error;
    }
  };
}
