import type { Entry, Pieces } from './entries.ts';
import { joinLines } from './join-lines.ts';

/** What a merge gives: where entries conflict, both versions stand between git's marks. */
export interface Merged {
  readonly text: string;
  /** What conflicts, and why: a sentence for each. */
  readonly conflicts: readonly string[];
}

/** Computed anew after a merge, so never a conflict. */
const COMPUTED = '/integrity';
/** Fields whose entries are merged one by one, and what stands behind each where it has none. */
const LISTS = { '/parameters': ' []', '/tags': ' {}' };
/** Such a field where it has none, or where they stand in lines of their own. */
const LIST = /^([ \t]*(["']?)(?:parameters|tags)\2[ \t]*:)([ \t]*(?:\[\s*\]|\{\s*\}))?(?=[ \t]*(?:#.*)?$)/m;

/**
 * Merges entry by entry what two sides made of one file. Pure.
 *
 * Promises: an entry that one side alone changed, added or took away is as that side has it; two sides conflict only over an
 * entry that both changed in what it says. The order is ours, with theirs put where they stand there. A list that one side
 * has emptied takes what the other adds, and one of which each side took away the rest is empty.
 *
 * @param strangers keys of entries that conflict in any case: sealed under a data key that the merged file has not.
 * @param lines joins what one side made of comments and the manner of writing with what the other made of the same entry;
 *   whoever asks for it looks whether the result says the same as without.
 */
export function mergePieces(
  base: Pieces,
  ours: Pieces,
  theirs: Pieces,
  { strangers, lines = false }: { readonly strangers?: ReadonlySet<string>; readonly lines?: boolean } = {},
): Merged {
  const [inBase, inOurs, inTheirs] = [base, ours, theirs].map(byKey) as [Table, Table, Table];
  const conflicts: string[] = [];
  const out = new Map<string, string>();
  for (const key of orderOf(ours, theirs, inBase, inOurs)) {
    const [one, other] = [inOurs.get(key), inTheirs.get(key)];
    const stranger = strangers?.has(key) === true;
    const merged = stranger
      ? bothOf(one, other)
      : mergeEntry(inBase.get(key), one, other, { computed: key === COMPUTED, lines });
    if (merged.conflict) conflicts.push(stranger ? strange(key) : `both sides changed ${key}`);
    out.set(key, merged.text);
  }
  bracketLists(out, inOurs, inTheirs);
  const joined = lines ? joinLines(base.head, ours.head, theirs.head) : undefined;
  const head = ours.head === base.head ? theirs.head : (joined ?? ours.head);
  return { text: head + [...out.values()].join(''), conflicts };
}

/** An empty list has brackets, and one with entries has none: the pieces may come from sides that differ in that. */
function bracketLists(out: Map<string, string>, ours: Table, theirs: Table): void {
  for (const [key, none] of Object.entries(LISTS)) {
    const filled = [...out].some(([other, text]) => other.startsWith(`${key}/`) && text !== '');
    // Whoever took the field away took its entries; the other side has put some there.
    const field = out.get(key) || (filled ? (theirs.get(key) ?? ours.get(key))?.text : undefined);
    if (field === undefined) continue;
    out.set(
      key,
      field.replace(LIST, (_, name, _quote, brackets = none) => (filled ? name : name + brackets)),
    );
  }
}

function strange(key: string): string {
  return `${key} is sealed under another data key than the merged file has; open it where it comes from, and \`set\` it`;
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
  { computed, lines }: { readonly computed: boolean; readonly lines: boolean },
): { text: string; conflict: boolean } {
  const take = (entry: Entry | undefined) => ({ text: entry?.text ?? '', conflict: false });
  if (computed) return take(ours ?? theirs);
  if (theirs?.text === base?.text) return take(ours);
  if (ours?.text === base?.text || ours?.text === theirs?.text) return take(theirs);
  // Both texts changed; whoever changed only the manner of writing gives way where the two meet.
  const oursSays = theirs?.meaning === base?.meaning || ours?.meaning === theirs?.meaning;
  if (!oursSays && ours?.meaning !== base?.meaning) return bothOf(ours, theirs);
  const joined = lines && base && ours && theirs ? joinLines(base.text, ours.text, theirs.text) : undefined;
  if (joined !== undefined) return { text: joined, conflict: false };
  return take(oursSays ? ours : theirs);
}

function bothOf(ours: Entry | undefined, theirs: Entry | undefined): { text: string; conflict: boolean } {
  const text = `<<<<<<< ours\n${ours?.text ?? ''}=======\n${theirs?.text ?? ''}>>>>>>> theirs\n`;
  return { text, conflict: true };
}
