import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';
import type { SecretsFile } from './secrets-file.ts';
import { lineStart } from './text-edits.ts';

/** A piece of a file's text that belongs together: a field, a tag, a parameter, with what follows it up to the next. */
export interface Entry {
  readonly key: string;
  readonly text: string;
  /** What it says, without comments and manner of writing. */
  readonly meaning: string;
}

/** A file as pieces: together they are its text, to the byte, but for a line break at its end. */
export interface Pieces {
  /** What stands before the first field: comments, a byte order mark. */
  readonly head: string;
  readonly entries: readonly Entry[];
}

interface Cut {
  readonly key: string;
  readonly from: number;
  /** Where what it says ends. */
  readonly end: number;
  readonly meaning: string;
}

/**
 * Cuts a file in block style into pieces; undefined for one within brackets, which has no lines of its own, and for one
 * that ends within a block, which another piece behind it would change.
 */
export function piecesOf(file: SecretsFile): Pieces | undefined {
  const { text: source, root, openBlock } = file.source;
  if (openBlock !== undefined) return undefined;
  const text = source.endsWith('\n') || source === '' ? source : `${source}\n`;
  const cuts = root.flow === true ? undefined : cutsOf(file, root, text);
  if (cuts === undefined || new Set(cuts.map(({ from }) => from)).size < cuts.length) return undefined;
  // Comments and blank lines belong to what they stand before; those before the first field to the file.
  const starts = cuts.map(({ from }, at) => (at === 0 ? from : climb(text, from, cuts[at - 1] as Cut)));
  const entries = cuts.map(({ key, meaning }, at) => ({
    key,
    meaning,
    text: text.slice(starts[at], starts[at + 1] ?? text.length),
  }));
  return { head: text.slice(0, starts[0] ?? 0), entries };
}

function cutsOf(file: SecretsFile, root: YAMLMap, text: string): Cut[] | undefined {
  const cuts: Cut[] = [];
  for (const pair of root.items as Pair[]) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    const from = startOf(pair.key as Node, text);
    const inner =
      key === 'parameters' ? parameterCuts(file, pair.value, text) : key === 'tags' ? tagCuts(pair.value, text) : [];
    if (inner === undefined) return undefined;
    const plain = isScalar(pair.value) ? String(pair.value.value) : text.slice(from, rangeEnd(pair.value as Node));
    const end = inner.length > 0 ? rangeEnd(pair.key as Node) : rangeEnd(pair.value as Node);
    cuts.push({ key: `/${key}`, from, end, meaning: inner.length > 0 ? '' : plain }, ...inner);
  }
  return cuts;
}

function parameterCuts({ parameters }: SecretsFile, value: unknown, text: string): Cut[] | undefined {
  if (!isSeq(value)) return undefined;
  const list: YAMLSeq = value;
  if (list.items.length === 0) return [];
  if (list.flow === true) return undefined;
  return parameters.map(({ name, leaves, extras }, at) => ({
    key: `/parameters/${name}`,
    from: startOf(list.items[at] as Node, text),
    end: rangeEnd(list.items[at] as Node),
    meaning: JSON.stringify([
      leaves.description.text,
      leaves.type.text,
      leaves.value.text,
      Object.entries(extras).sort(),
    ]),
  }));
}

/** Tags within brackets are one piece with their field. */
function tagCuts(value: unknown, text: string): Cut[] {
  if (!isMap(value) || value.flow === true) return [];
  return (value.items as Pair[]).map(({ key, value }) => ({
    key: `/tags/${isScalar(key) ? String(key.value) : ''}`,
    from: startOf(key as Node, text),
    end: rangeEnd((value ?? key) as Node),
    meaning: isScalar(value) ? String(value.value) : '',
  }));
}

/** Where the comments and blank lines before a piece begin, behind what the piece before it says. */
function climb(text: string, from: number, before: Cut): number {
  const limit = Math.max(before.end, before.from + 1);
  let at = from;
  for (;;) {
    const above = lineStart(text, at - 1);
    if (at <= 0 || above < limit || !/^[ \t]*(?:#.*)?\r?\n$/.test(text.slice(above, at))) return at;
    at = above;
  }
}

function startOf(node: Node, text: string): number {
  const at = node.range?.[0] ?? 0;
  const start = lineStart(text, at);
  return text[start] === '\ufeff' ? start + 1 : start;
}

function rangeEnd(node: Node | null): number {
  return node?.range?.[1] ?? 0;
}
