import type { Passage, UpstreamOperation } from '../../src/core/passage.ts';

/** Counts the calls that go through, by what they ask for. */
export function counter(): { readonly counts: Map<UpstreamOperation, number>; readonly passage: Passage } {
  const counts = new Map<UpstreamOperation, number>();
  const passage: Passage = ({ operation, work }) => {
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
    return work();
  };
  return { counts, passage };
}

/** What was counted, for each of so many, in words. */
export function callsEach(counts: ReadonlyMap<string, number>, of: number): string {
  return [...counts].map(([operation, count]) => `${Number((count / of).toFixed(3))} ${operation}`).join(', ');
}
