import type { Clock } from '../core/clock.ts';
import type { SourceWatch } from '../key-manager/key-source.ts';

/**
 * Asks again and again, and tells when the answer is another one than before. The first answer is told, too: whoever
 * watches has read the source before, and it may have changed since.
 *
 * @param ask gives what tells one state of the source from the next: never a key.
 */
export function polled(
  deps: { readonly clock: Clock; readonly interval: number; changed(): Promise<boolean>; failed(error: unknown): void },
  ask: () => Promise<number | string>,
): SourceWatch {
  const closing = new AbortController();
  let last: number | string | undefined;
  async function look(): Promise<void> {
    try {
      const now = await ask();
      if (last !== now && (await deps.changed())) last = now;
    } catch (error) {
      deps.failed(error);
    }
  }
  async function looks(): Promise<void> {
    while (!closing.signal.aborted) {
      await look();
      try {
        await deps.clock.sleep(deps.interval, closing.signal);
      } catch {
        return;
      }
    }
  }
  const ended = looks();
  return {
    close() {
      closing.abort();
      return ended;
    },
  };
}
