import type { Clock } from '../../core/clock.ts';
import { type Exposition, expositionOf, lastingOf, type Snapshot } from '../../telemetry/metrics.ts';

/** Milliseconds that a worker may take to say what it has counted. */
const DEADLINE = 2000;

/**
 * What all workers have counted together. A worker that does not answer in time counts with what it said last; of one
 * that is gone, counters and histograms stay, as of when it was last asked.
 */
export class PoolMetrics {
  readonly #clock: Clock;
  readonly #last = new Map<number, Snapshot>();
  #gone: Snapshot = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async exposition(workers: ReadonlyMap<number, () => Promise<unknown>>): Promise<Exposition> {
    await Promise.all([...workers].map(([id, ask]) => this.#ask(id, ask)));
    return expositionOf([this.#gone, ...this.#last.values()].filter((snapshot) => snapshot.length > 0));
  }

  async forget(id: number): Promise<void> {
    const last = this.#last.get(id);
    this.#last.delete(id);
    if (last === undefined) return;
    this.#gone = await lastingOf([this.#gone, last]);
  }

  async #ask(id: number, ask: () => Promise<unknown>): Promise<void> {
    const answered = new AbortController();
    const late = this.#clock.sleep(DEADLINE, answered.signal).then(
      () => undefined,
      () => undefined,
    );
    const asked = ask().then(
      (body) => body as Snapshot,
      () => undefined,
    );
    const snapshot = await Promise.race([asked, late]);
    answered.abort();
    if (snapshot !== undefined) this.#last.set(id, snapshot);
  }
}
