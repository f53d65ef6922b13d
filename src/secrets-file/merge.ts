import type { Entry, Pieces } from './entries.ts';

/** What a merge gives: where entries conflict, both versions stand between git's marks. */
export interface Merged {
  readonly text: string;
  /** Keys of entries that both sides changed, each in its own way. */
  readonly conflicts: readonly string[];
}

/** Computed anew after a merge, so never a conflict. */
const COMPUTED = '/integrity';

/**
 * Merges entry by entry what two sides made of one file. Pure.
 *
 * Promises: an entry that one side alone changed, added or took away is as that side has it; two sides conflict only over an
 * entry that both changed in what it says. The order is ours, with theirs put where they stand there.
 */
export function mergePieces(base: Pieces, ours: Pieces, theirs: Pieces): Merged {
  const [inBase, inOurs, inTheirs] = [base, ours, theirs].map(byKey) as [Table, Table, Table];
  const conflicts: string[] = [];
  const out: string[] = [];
  for (const key of orderOf(ours, theirs, inBase, inOurs)) {
    const merged = mergeEntry(inBase.get(key), inOurs.get(key), inTheirs.get(key), key === COMPUTED);
    if (merged.conflict) conflicts.push(key);
    out.push(merged.text);
  }
  const head = ours.head === base.head ? theirs.head : ours.head;
  return { text: head + out.join(''), conflicts };
}

type Table = ReadonlyMap<string, Entry>;

function byKey({ entries }: Pieces): Table {
  return new Map(entries.map((entry) => [entry.key, entry]));
}

/** Ours in their order; what only theirs has comes behind what stands before it there. */
function orderOf(ours: Pieces, theirs: Pieces, base: Table, inOurs: Table): string[] {
  const order = ours.entries.map(({ key }) => key);
  let before: string | undefined;
  for (const { key } of theirs.entries) {
    if (!inOurs.has(key)) {
      const at = before === undefined ? 0 : order.indexOf(before) + 1;
      // Behind what ours added at the same place, so that neither parts the other's entries.
      let to = at;
      while (to < order.length && !base.has(order[to] as string) && sameList(order[to] as string, key)) to++;
      order.splice(to, 0, key);
    }
    before = key;
  }
  return order;
}

function sameList(one: string, other: string): boolean {
  return one.slice(0, one.indexOf('/', 1)) === other.slice(0, other.indexOf('/', 1)) && one.indexOf('/', 1) > 0;
}

function mergeEntry(
  base: Entry | undefined,
  ours: Entry | undefined,
  theirs: Entry | undefined,
  computed: boolean,
): { text: string; conflict: boolean } {
  const take = (entry: Entry | undefined) => ({ text: entry?.text ?? '', conflict: false });
  if (computed) return take(ours ?? theirs);
  if (theirs?.text === base?.text) return take(ours);
  if (ours?.text === base?.text || ours?.text === theirs?.text) return take(theirs);
  // Both texts changed; whoever changed only the manner of writing gives way.
  if (theirs?.meaning === base?.meaning || ours?.meaning === theirs?.meaning) return take(ours);
  if (ours?.meaning === base?.meaning) return take(theirs);
  const text = `<<<<<<< ours\n${ours?.text ?? ''}=======\n${theirs?.text ?? ''}>>>>>>> theirs\n`;
  return { text, conflict: true };
}
