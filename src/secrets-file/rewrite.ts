import { isScalar, type Node, type Pair, type Scalar, type YAMLMap } from 'yaml';
import { KeysteadError } from '../core/errors.ts';
import { writeScalar } from './scalar-style.ts';
import { type HeaderField, type ParameterField, readSecretsFile, type SecretsFile } from './secrets-file.ts';
import { applyEdits, closedBlock, columnAt, type Edit, lineEnd, lineStart, newlineOf } from './text-edits.ts';
import { isBlock, type Leaf } from './yaml-source.ts';

/** New texts of a file. What is not named stays. */
export interface Changes {
  /** By the parameter's place in the list. */
  readonly parameters?: ReadonlyMap<number, Readonly<Partial<Record<ParameterField, string>>>>;
  /** `null` takes the field away. */
  readonly header?: Readonly<Partial<Record<HeaderField, string | null>>>;
}

/** A new header field comes behind the first of these that is there; `integrity` is the last line of the file. */
const AFTER: Readonly<Partial<Record<HeaderField, readonly HeaderField[]>>> = {
  encrypted_with: ['kmskey', 'region', 'path'],
  kek: ['kmskey', 'region', 'path', 'target'],
  file: ['kek', 'kmskey', 'region', 'path', 'target'],
  data_key: ['file', 'kek', 'kmskey', 'region', 'path', 'target'],
};
const FIELDS = ['name', 'description', 'type', 'value'] as const;

/**
 * Writes new texts into the source and touches no other byte: comments, order, quotes, indentation, line ends, a byte
 * order mark and anchors stay. What else refers to an anchor whose text changes keeps its own text.
 *
 * Promises: the result was read again and says what was asked for, and nothing else changed.
 */
export function rewrite(file: SecretsFile, changes: Changes): string {
  const { text } = file.source;
  const wanted = wantedLeaves(file, changes);
  const edits = [...leafEdits(wanted, text), ...headerEdits(file, changes)];
  if (edits.some(({ from }) => from === text.length)) {
    edits.push(...closedBlock(file.source).filter((closing) => edits.every(({ from }) => from !== closing.from)));
  }
  if (edits.length === 0) return text;
  const result = applyEdits(text, edits);
  verify(file, changes, result);
  return result;
}

interface Wanted {
  readonly leaf: Leaf;
  readonly text: string;
  readonly key: string;
  /** The mapping to give a key of its own where a merge key brings the text. */
  readonly map: YAMLMap;
}

function wantedLeaves(file: SecretsFile, { parameters, header }: Changes): Wanted[] {
  const { root } = file.source;
  const top = Object.entries(file.leaves).flatMap(([key, leaf]) => {
    const text = header?.[key as HeaderField];
    return text === null ? [] : [{ leaf, key, map: root, text: text ?? leaf.text }];
  });
  const rest = file.parameters.flatMap(({ leaves, map }, index) =>
    FIELDS.map((key) => ({ leaf: leaves[key], key, map, text: parameters?.get(index)?.[key] ?? leaves[key].text })),
  );
  return [...top, ...rest];
}

function leafEdits(wanted: readonly Wanted[], source: string): Edit[] {
  const edits: Edit[] = [];
  const changed = new Map<Scalar, string>();
  for (const { leaf, text, map } of wanted) {
    if (leaf.alias !== undefined || leaf.pair === undefined || text === leaf.text) continue;
    changed.set(leaf.node, text);
    edits.push(...scalarEdits(leaf.node, text, map, leaf.pair, source));
  }
  for (const { leaf, text, map, key } of wanted) {
    if (leaf.alias === undefined && leaf.pair !== undefined) continue;
    if ((changed.get(leaf.node) ?? leaf.text) === text) continue;
    const { range } = leaf.alias ?? {};
    if (leaf.pair !== undefined && range) {
      edits.push({ from: range[0], to: range[1], text: quoted(text, map) });
    } else {
      edits.push(ownKey(map, key, text, source));
    }
  }
  return edits;
}

function quoted(text: string, map: YAMLMap): string {
  return writeScalar(text, { style: 'plain', flow: map.flow === true, indent: undefined, newline: '\n' }).head;
}

function scalarEdits(node: Scalar, text: string, map: YAMLMap, pair: Pair, source: string): Edit[] {
  const [from, to] = rangeOf(node);
  const newline = newlineOf(source);
  const column = columnOf(pair.key as Node, source);
  const flow = map.flow === true;
  if (isBlock(node)) {
    const { head, body } = writeScalar(text, { style: 'plain', flow, indent: column, newline });
    // Where the file ends within the block there is no line break to be the text's last.
    const last = head === '|' && to >= source.length && !source.endsWith('\n') ? newline : '';
    return blockEdits(source, from, to, { head, body: body + last });
  }
  const style = node.type === 'QUOTE_DOUBLE' ? 'double' : node.type === 'QUOTE_SINGLE' ? 'single' : 'plain';
  const end = lineEnd(source, to);
  // A block would swallow a comment behind the value, and needs the line break that follows.
  const indent = source.slice(to, end).trim() === '' && end < source.length ? column : undefined;
  const { head, body } = writeScalar(text, { style, flow, indent, newline });
  return [{ from, to: body === '' ? to : end, text: head + body }];
}

/** A comment behind `|` stays there, and so do blank lines behind the block. */
function blockEdits(source: string, from: number, to: number, written: { head: string; body: string }): Edit[] {
  const block = source.slice(from, to);
  const indicator = /^[|>][0-9+-]*/.exec(block)?.[0].length ?? 1;
  const firstLine = lineEnd(source, from);
  const body = block.replace(blankLines(block), '').length;
  return [
    { from, to: from + indicator, text: written.head },
    { from: firstLine, to: Math.max(firstLine, from + body), text: written.body },
  ];
}

/** Lines at the end of a block that are not of its text: blank ones, no further in than the text is. */
function blankLines(block: string): RegExp {
  const margin = /\n( *)[^ \r\n]/.exec(block)?.[1]?.length ?? 0;
  return new RegExp(`(?:\\r?\\n {0,${margin}})+$`);
}

/** Gives a mapping a key of its own: before its first key, or as the last between brackets. */
function ownKey(map: YAMLMap, key: string, text: string, source: string): Edit {
  if (map.flow === true) return inFlow(map, map.items.at(-1) as Pair, key, text, source);
  const first = (map.items[0] as Pair).key as Node;
  const [from] = rangeOf(first);
  const indent = ' '.repeat(columnOf(first, source));
  return { from, to: from, text: `${key}: ${quoted(text, map)}${newlineOf(source)}${indent}` };
}

function inFlow(map: YAMLMap, after: Pair, key: string, text: string, _source: string): Edit {
  const value = after.value as Node | null;
  const end = rangeOf(value?.range && rangeOf(value)[1] > 0 ? value : (after.key as Node))[1];
  // JSON stays JSON.
  const json = isScalar(after.key) && after.key.type === 'QUOTE_DOUBLE';
  const pair = json ? `${JSON.stringify(key)}: ${JSON.stringify(text)}` : `${key}: ${quoted(text, map)}`;
  return { from: end, to: end, text: `, ${pair}` };
}

function headerEdits(file: SecretsFile, { header = {} }: Changes): Edit[] {
  const edits: Edit[] = [];
  for (const [key, text] of Object.entries(header) as [HeaderField, string | null][]) {
    const leaf = file.leaves[key];
    if (text === null) {
      if (leaf !== undefined) edits.push(removal(file, leaf));
    } else if (leaf === undefined) {
      edits.push(addition(file, key, text));
    }
  }
  return edits;
}

function addition({ source: { root, text: source } }: SecretsFile, key: HeaderField, text: string): Edit {
  const order = AFTER[key];
  const pairs = root.items as Pair[];
  const before = order?.map((name) => pairs.find((pair) => keyText(pair) === name)).find((pair) => pair !== undefined);
  if (root.flow === true) return inFlow(root, before ?? (pairs.at(-1) as Pair), key, text, source);
  const newline = newlineOf(source);
  const line = `${' '.repeat(columnOf(pairs[0]?.key as Node, source))}${key}: ${quoted(text, root)}`;
  if (before === undefined) {
    const end = documentEnd(source, pairEnd(pairs.at(-1) as Pair, source));
    return { from: end, to: end, text: `${source[end - 1] === '\n' ? '' : newline}${line}${newline}` };
  }
  const end = lineEnd(source, pairEnd(before, source));
  return { from: end, to: end, text: newline + line };
}

/** Where nothing of the document follows any more: the marker of its end (`...`), or the end of the source. */
function documentEnd(source: string, from: number): number {
  const marker = /\n\.\.\.(?=\s|$)/.exec(source.slice(from - 1));
  return marker === null ? source.length : from + marker.index;
}

function removal({ source: { root, text: source } }: SecretsFile, { pair }: Leaf): Edit {
  if (pair === undefined) throw new KeysteadError('unexpected', 'a merge key brings a field of the file itself');
  const [from] = rangeOf(pair.key as Node);
  if (root.flow === true) {
    const at = root.items.indexOf(pair as never);
    const next = root.items[at + 1]?.key as Node | undefined;
    if (next !== undefined) return { from, to: rangeOf(next)[0], text: '' };
    return { from: at === 0 ? from : pairEnd(root.items[at - 1] as Pair, source), to: pairEnd(pair, source), text: '' };
  }
  const end = source.indexOf('\n', pairEnd(pair, source));
  return { from: lineStart(source, from), to: end < 0 ? source.length : end + 1, text: '' };
}

/** Where the text of a pair ends; a block's last line break is not of its text. */
function pairEnd(pair: Pair, source: string): number {
  const value = pair.value as Node | null;
  const [from, to] = rangeOf(value?.range ? value : (pair.key as Node));
  if (!isScalar(value) || !isBlock(value)) return to;
  return from + source.slice(from, to).replace(/\r?\n$/, '').length;
}

function keyText({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : '';
}

function columnOf(node: Node, source: string): number {
  return columnAt(source, rangeOf(node)[0]);
}

function rangeOf(node: Node): [number, number] {
  const { range } = node;
  if (!range) throw new KeysteadError('unexpected', 'a value of the file has no place');
  return [range[0], range[1]];
}

/** Reads the result and compares every text with what was wanted. */
function verify(file: SecretsFile, { parameters, header }: Changes, result: string): void {
  const read = readSecretsFile(result, 'the result');
  const expected = {
    header: Object.fromEntries(
      Object.entries({ ...file.header, ...header }).filter((entry) => entry[1] !== null && entry[1] !== undefined),
    ),
    tags: file.tags,
    parameters: file.parameters.map((parameter, index) => ({ ...textsOf(parameter), ...parameters?.get(index) })),
  };
  const actual = { header: read.header, tags: read.tags, parameters: read.parameters.map(textsOf) };
  if (plain(actual) === plain(expected)) return;
  throw new KeysteadError(
    'unexpected',
    'the file is written in a way that cannot be changed in place; nothing was changed',
  );
}

function textsOf({ leaves, extras }: SecretsFile['parameters'][number]) {
  return {
    ...Object.fromEntries(FIELDS.map((key) => [key, leaves[key].text])),
    extras,
  };
}

function plain({
  header,
  tags,
  parameters,
}: {
  header: object;
  tags: SecretsFile['tags'];
  parameters: object[];
}): string {
  const sorted = Object.entries(header).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([sorted, tags === undefined ? null : [...tags], parameters]);
}
