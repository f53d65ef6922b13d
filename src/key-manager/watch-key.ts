import { AsyncLocalStorage } from 'node:async_hooks';
import { KeysteadError } from '../core/errors.ts';
import { failureOf } from './key-change.ts';
import type { KeyManager } from './key-manager.ts';
import { clonePair, disposePair, type KeyPair } from './key-pair.ts';
import { readPair, type SourceWatch } from './key-source.ts';

/**
 * Raises the change of a key by itself, whenever its source says that the value is another one: the callbacks get the
 * pair of before and the pair of now, which they dispose no more than any other argument.
 *
 * Changes come one after the other; while one is told, later ones are gathered into the next. A source that cannot be
 * read is asked again when it says so next. The pair of before is kept in memory for that long. Closing waits for the
 * change that is told, but not where a callback of that change closes.
 *
 * @param told.failed hears of a source that cannot be read, and of a change whose callbacks failed, also where the
 *   strategy of the key hides that; must not throw.
 * Throws `key-not-defined`, `not-supported` for a source that cannot be watched, and what the source throws at first.
 */
export async function watchKey(
  manager: KeyManager,
  name: string,
  told: { failed(error: unknown): void },
): Promise<SourceWatch> {
  const source = manager.sourceOf(name);
  if (source.watch === undefined) {
    throw new KeysteadError(
      'not-supported',
      `the source of the key ${name} cannot be watched; call keyChanged yourself`,
    );
  }
  const telling = new AsyncLocalStorage<true>();
  let last = await readPair(source);
  let running: Promise<unknown> = Promise.resolve();
  let pending: Promise<boolean> | undefined;

  /** Whether the source could be read. */
  async function look(): Promise<boolean> {
    pending = undefined;
    let next: KeyPair;
    try {
      next = await readPair(source);
    } catch (error) {
      told.failed(error);
      return false;
    }
    const before = last;
    last = next;
    try {
      if (!samePair(before, next)) await raise(before, next);
    } catch (error) {
      told.failed(error);
    } finally {
      disposePair(before);
    }
    return true;
  }

  async function raise(before: KeyPair, next: KeyPair): Promise<void> {
    const lent = clonePair(next);
    try {
      const keys = [
        [before.forward, before.back],
        [lent.forward, lent.back],
      ] as const;
      const reports = await telling.run(true, () => manager.keyChanged(name, ...keys));
      const failure = failureOf(name, reports);
      if (failure !== undefined) told.failed(failure);
    } finally {
      disposePair(lent);
    }
  }

  const watch = source.watch({
    changed() {
      pending ??= running.then(look);
      running = pending;
      return pending;
    },
    failed: told.failed,
  });
  async function end(): Promise<void> {
    await watch.close();
    await running;
    disposePair(last);
  }

  return {
    async close() {
      const ended = end();
      if (telling.getStore() === undefined) await ended;
      else ended.catch(told.failed);
    },
  };
}

function samePair(a: KeyPair, b: KeyPair): boolean {
  return a.forward.equals(b.forward) && a.back.equals(b.back);
}
