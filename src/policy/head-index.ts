import type { Pattern } from './pattern.ts';

/** Beginnings are cut to so many lengths at most: an unknown text costs that many looks, whatever the policy. */
const MAX_LENGTHS = 24;

/**
 * Values under patterns, found by a text: all values whose pattern may match it, by what the pattern begins with.
 * Promises to miss none; gives more than match.
 */
export class HeadIndex<T> {
  readonly #exact = new Map<string, T[]>();
  readonly #heads = new Map<string, T[]>();
  readonly #lengths: readonly number[];
  /** Whole beginnings, in order, for those that ask with a beginning themselves. */
  readonly #sorted: readonly { readonly head: string; readonly value: T }[];

  /** Values are given back in the order of the entries, for each key. */
  constructor(entries: readonly { readonly pattern: Pattern; readonly value: T }[]) {
    const open = entries.filter(({ pattern }) => !pattern.exact);
    this.#lengths = chosenLengths(open.map(({ pattern }) => pattern.head.length));
    for (const { pattern, value } of entries) {
      const { head, exact } = pattern;
      const length = this.#lengths.findLast((each) => each <= head.length) ?? 0;
      add(exact ? this.#exact : this.#heads, exact ? head : head.slice(0, length), value);
    }
    this.#sorted = entries
      .map(({ pattern, value }) => ({ head: pattern.head, value }))
      .sort((a, b) => compare(a.head, b.head));
  }

  get empty(): boolean {
    return this.#sorted.length === 0;
  }

  /** Calls back with each list of values that may match. */
  of(text: string, visit: (values: readonly T[]) => void): void {
    const exact = this.#exact.get(text);
    if (exact !== undefined) visit(exact);
    for (const length of this.#lengths) {
      if (length > text.length) break;
      const values = this.#heads.get(text.slice(0, length));
      if (values !== undefined) visit(values);
    }
  }

  /** The values whose pattern begins with more than `prefix`. */
  *beyond(prefix: string): Generator<T> {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#sorted[middle]?.head ?? '', prefix) < 0) low = middle + 1;
      else high = middle;
    }
    for (let at = low; this.#sorted[at]?.head.startsWith(prefix); at++) yield (this.#sorted[at] as { value: T }).value;
  }
}

/** Evenly spread over the texts, the shortest always: every head has one that is not longer. */
function chosenLengths(lengths: readonly number[]): number[] {
  const sorted = [...lengths].sort((a, b) => a - b);
  const distinct = new Set(sorted);
  if (distinct.size <= MAX_LENGTHS) return [...distinct];
  const spread = Array.from({ length: MAX_LENGTHS }, (_, n) => sorted[Math.floor((n * sorted.length) / MAX_LENGTHS)]);
  return [...new Set(spread as number[])];
}

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else if (known.at(-1) !== value) known.push(value);
}

/** By units, as `startsWith` compares. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
