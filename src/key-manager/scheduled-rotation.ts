import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import { failureOf } from './key-change.ts';
import type { KeyManager } from './key-manager.ts';
import { disposePair, type KeyPair } from './key-pair.ts';
import { readPair, type SourceWatch } from './key-source.ts';

/** Milliseconds that a timer can wait. */
const MAX_INTERVAL = 2 ** 31 - 1;

/**
 * Rotates a key again and again: asks its source for a new one, and tells the callbacks of the change. A rotation that
 * may have been made, and could not be seen, is told with the next.
 *
 * @param options.rotate makes the source give another key, for instance by `rotate` of the client of a key service.
 * @param options.every milliseconds from the end of one rotation to the next, 1 to 2147483647.
 * @param options.failed hears of a rotation that failed, and of callbacks that did, also where the strategy of the key
 *   hides that; the next one comes at its time all the same. Must not throw.
 */
export function scheduledRotation(options: {
  readonly manager: KeyManager;
  readonly name: string;
  readonly every: number;
  readonly clock: Clock;
  rotate(): Promise<unknown>;
  failed(error: unknown): void;
}): SourceWatch {
  const { manager, name, every, clock } = options;
  if (!Number.isInteger(every) || every < 1 || every > MAX_INTERVAL) {
    throw new KeysteadError('bad-request', `every must be a whole number of milliseconds from 1 to ${MAX_INTERVAL}`);
  }
  const source = manager.sourceOf(name);
  const closing = new AbortController();

  /** Where a rotation may have been made that nobody was told of: the pair of before. */
  let untold: KeyPair | undefined;

  async function turn(): Promise<void> {
    untold ??= await readPair(source);
    await options.rotate();
    const next = await readPair(source);
    const before = untold;
    untold = undefined;
    try {
      const reports = await manager.keyChanged(name, [before.forward, before.back], [next.forward, next.back]);
      const failure = failureOf(name, reports);
      if (failure !== undefined) options.failed(failure);
    } finally {
      disposePair(before);
      disposePair(next);
    }
  }

  async function turns(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await clock.sleep(every, closing.signal);
      } catch {
        return;
      }
      await turn().catch(options.failed);
    }
  }

  const ended = turns().finally(() => disposePair(untold));
  return {
    close() {
      closing.abort();
      return ended;
    },
  };
}
