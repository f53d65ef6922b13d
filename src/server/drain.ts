import type { Clock } from '../core/clock.ts';
import type { Connections } from './connections.ts';

/** Milliseconds that an idle connection is kept: a request may be on its way over it. */
const IDLE_GRACE = 500;
const SWEEP = 100;

export interface DrainDeps {
  readonly clock: Clock;
  /** Milliseconds until what is left is cut. */
  readonly deadline: number;
  /** Ends the connections that are between two requests. */
  endIdle(): void;
}

/**
 * Waits until the connections of a listener that is closed have ended, and ends those that are quiet: between two
 * requests, or without one that has begun. Resolves when none is left; at the deadline it cuts the rest and gives how
 * many they were.
 */
export async function drained(connections: Connections, { clock, deadline, endIdle }: DrainDeps): Promise<number> {
  const finished = new AbortController();
  const all = connections.empty().then(() => finished.abort());
  const end = clock.now().getTime() + deadline;
  let wait = Math.min(IDLE_GRACE, deadline);
  try {
    while (!finished.signal.aborted && clock.now().getTime() < end) {
      await clock.sleep(wait, finished.signal);
      endIdle();
      connections.destroyQuiet();
      wait = Math.min(SWEEP, Math.max(1, end - clock.now().getTime()));
    }
  } catch {
    // The sleep ends early when the last connection is gone.
  }
  const cut = connections.size;
  connections.destroy();
  await all;
  return cut;
}
