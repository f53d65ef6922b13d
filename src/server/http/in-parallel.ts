import { setImmediate as turn } from 'node:timers/promises';

/** Milliseconds of work between two looks at what else there is to do. */
const SLICE = 5;

/**
 * Does the work for each item, for so many at a time; the results are in the order of the items. Work that never
 * waits for anything lets other requests in every few milliseconds.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  const pace = pacer();
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      if (pace.isOver()) {
        await pace.rest();
        // Another may have used the new slice up, or taken the last item.
        continue;
      }
      const n = next++;
      results[n] = await work(items[n] as Item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}

/** Counts the time since the event loop last had its turn. All workers rest together: one after the other adds up. */
function pacer(): { isOver(): boolean; rest(): Promise<void> } {
  let since = performance.now();
  let resting: Promise<void> | undefined;
  const rest = async () => {
    await turn();
    since = performance.now();
    resting = undefined;
  };
  return {
    isOver: () => performance.now() - since >= SLICE,
    rest: () => {
      resting ??= rest();
      return resting;
    },
  };
}
