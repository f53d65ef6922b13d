import type { Call } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';

export interface Pace {
  readonly clock: Clock;
  readonly random: Random;
  /** Told after every item that is done. */
  progress?(done: number, total: number): void;
  /** Told when the work ends before every item is done. */
  gaveUp?(): void;
}

/** Waits that a service's asking to slow down gets, one after the other, in milliseconds: two minutes in all. */
const PATIENCE = [250, 500, 1000, 2000, 4000, 8000, 15_000, 30_000, 60_000];

/**
 * Does independent work, so many at a time, and gives the results in order.
 *
 * Promises: where a service asks to slow down, fewer run at a time from then on and the same item is tried again; after
 * any other failure nothing more begins, what runs is waited for, and the first failure is thrown.
 */
export async function paced<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<R>,
  pace: Pace,
  call: Call,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let [next, done, allowed] = [0, 0, width];
  let failure: unknown;
  const worker = async (number: number) => {
    while (failure === undefined && next < items.length && number < allowed) {
      const index = next++;
      try {
        results[index] = await patiently(
          () => work(items[index] as T, index),
          pace,
          call,
          () => {
            allowed = Math.max(1, Math.floor(allowed / 2));
          },
        );
        pace.progress?.(++done, items.length);
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, (_, number) => worker(number)));
  if (failure !== undefined) {
    pace.gaveUp?.();
    throw failure;
  }
  return results;
}

/**
 * Does one thing, again and again while a service asks to slow down, for two minutes; then throws what it says.
 *
 * @param slower told each time.
 */
export async function patiently<R>(
  work: () => Promise<R>,
  pace: Pace,
  call: Call,
  slower: () => void = () => {},
): Promise<R> {
  for (const wait of PATIENCE) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof KeysteadError) || error.reason !== 'provider-throttled') throw error;
      slower();
      const [chance = 0] = pace.random.bytes(1);
      await pace.clock.sleep(wait / 2 + (wait * chance) / 512, call.signal);
    }
  }
  return work();
}
