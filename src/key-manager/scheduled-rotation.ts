import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { KeyManager } from './key-manager.ts';
import { disposePair } from './key-pair.ts';
import { readPair, type SourceWatch } from './key-source.ts';

/** Milliseconds that a timer can wait. */
const MAX_INTERVAL = 2 ** 31 - 1;

/**
 * Rotates a key again and again: asks its source for a new one, and tells the callbacks of the change.
 *
 * @param options.rotate makes the source give another key, for instance by `rotate` of the client of a key service.
 * @param options.every milliseconds from the end of one rotation to the next, 1 to 2147483647.
 * @param options.failed hears of a rotation that failed; the next one comes at its time all the same.
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

  async function turn(): Promise<void> {
    const before = await readPair(source);
    try {
      await options.rotate();
      const next = await readPair(source);
      try {
        await manager.keyChanged(name, [before.forward, before.back], [next.forward, next.back]);
      } finally {
        disposePair(next);
      }
    } finally {
      disposePair(before);
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

  const ended = turns();
  return {
    close() {
      closing.abort();
      return ended;
    },
  };
}
