/** What a side made of the base: lines `from` to `to` of it, replaced by others. */
interface Hunk {
  readonly from: number;
  readonly to: number;
  readonly lines: readonly string[];
}

/**
 * Joins what two sides made of one text, where each changed lines that the other did not; undefined where they meet. Knows
 * one place for each side: all from its first changed line to its last.
 */
export function joinLines(base: string, ours: string, theirs: string): string | undefined {
  if (ours === base) return theirs;
  if (theirs === base) return ours;
  const lines = linesOf(base);
  const hunks = [hunkOf(lines, linesOf(ours)), hunkOf(lines, linesOf(theirs))];
  const [first, second] = hunks.sort((a, b) => a.from - b.from || a.to - b.to) as [Hunk, Hunk];
  const bothInsert = first.from === second.from && first.to === second.to;
  if (first.to > second.from || bothInsert) return undefined;
  return [
    ...lines.slice(0, first.from),
    ...first.lines,
    ...lines.slice(first.to, second.from),
    ...second.lines,
    ...lines.slice(second.to),
  ].join('');
}

function linesOf(text: string): string[] {
  return text.split(/(?<=\n)/);
}

function hunkOf(base: readonly string[], side: readonly string[]): Hunk {
  const most = Math.min(base.length, side.length);
  let from = 0;
  while (from < most && base[from] === side[from]) from++;
  let same = 0;
  while (same < most - from && base.at(-1 - same) === side.at(-1 - same)) same++;
  return { from, to: base.length - same, lines: side.slice(from, side.length - same) };
}
