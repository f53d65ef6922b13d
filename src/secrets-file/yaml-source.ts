import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { KeysteadError } from '../core/errors.ts';
import { type ScalarKind, scalarKind } from './python-scalar.ts';

/** A text somewhere in the source, and how it got there. */
export interface Leaf {
  readonly text: string;
  readonly kind: ScalarKind;
  readonly line: number;
  /** Where the text stands. */
  readonly node: Scalar;
  /** What stands in its place, where that is a reference to an anchor. */
  readonly alias: Alias | undefined;
  /** The pair that has it; undefined where a merge key (`<<`) brings it. */
  readonly pair: Pair | undefined;
}

/** A value of a mapping: read further by `leafOf`, `mapOf` or `seqOf`. */
export interface Field {
  readonly key: string;
  readonly line: number;
  readonly value: Node | undefined;
  /** Where `value` is what an anchor holds. */
  readonly alias: Alias | undefined;
  readonly pair: Pair | undefined;
}

/** A parsed source text. Every scalar is text; `scalarKind` says what another reader makes of it. */
export interface YamlSource {
  readonly text: string;
  readonly root: YAMLMap;
  /** A block whose last line is the end of the text, without a line break. */
  readonly openBlock: Scalar | undefined;
  /** Where another reader may read another text, by line. */
  readonly doubts: ReadonlyMap<number, string>;
  lineOf(node: Node | undefined): number;
  /** What an alias stands for; anything else as it is. */
  resolved(node: unknown): Node | undefined;
  fields(map: YAMLMap): readonly Field[];
}

/** A merge key may lead to others; more of them, and deeper, than any real file has. */
const MAX_MERGES = 100_000;
const MAX_DEPTH = 20;
const STR = 'tag:yaml.org,2002:str';
const COLLECTIONS = ['tag:yaml.org,2002:map', 'tag:yaml.org,2002:seq'];

/** Throws `bad-secrets-file` with the line; never shows the text. */
export function parseYaml(text: string, fail: Fail): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: 'failsafe',
    version: '1.1',
    merge: false,
    prettyErrors: false,
    lineCounter: lines,
    stringKeys: false,
  });
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const [problem] = document.errors;
  if (problem !== undefined) {
    const what =
      problem.code === 'DUPLICATE_KEY'
        ? 'a key is given twice'
        : problem.code === 'MULTIPLE_DOCS'
          ? 'there is more than one document'
          : `this is not YAML (${problem.code.toLowerCase().replaceAll('_', ' ')})`;
    throw fail(what, lineAt(problem.pos[0]));
  }
  const root = document.contents;
  if (!isMap(root)) throw fail('the file is not a mapping', 1);
  const lineOf = (node: Node | undefined) => lineAt(node?.range?.[0] ?? 0);
  const resolved = (node: unknown): Node | undefined => {
    if (!isAlias(node)) return (node ?? undefined) as Node | undefined;
    const target = node.resolve(document) as Node | undefined;
    if (target === undefined) throw fail('there is no anchor of the name of this alias', lineOf(node));
    return target;
  };
  const openBlock = openBlockOf(root, text);
  // YAML gives a block the line break that is there; the parser gives it one that is not.
  if (openBlock !== undefined) openBlock.value = String(openBlock.value).replace(/\n$/, '');
  const doubts = new Map([...foreignBreaks(text, lineAt), ...blankBlocks(root, text, lineAt)]);
  return { text, root, openBlock, doubts, lineOf, resolved, fields: fieldReader(resolved, lineOf, fail, doubts) };
}

/** What YAML 1.1 takes for the end of a line, and YAML 1.2 for a character. */
function foreignBreaks(text: string, lineAt: (offset: number) => number): Map<number, string> {
  const found = text.matchAll(/\r(?!\n)|[\x85\u2028\u2029]/g);
  const what = 'there is a character that psyml takes for a line break; write it as an escape in double quotes';
  return new Map([...found].map(({ index }) => [lineAt(index), what]));
}

/** Blocks with an indentation indicator and nothing but blanks, which the parser takes for empty ones. */
function blankBlocks(root: YAMLMap, text: string, lineAt: (offset: number) => number): Map<number, string> {
  const found = new Map<number, string>();
  visit(root, {
    Scalar(_key, { range, value }) {
      const block = range ? text.slice(range[0], range[1]) : '';
      if (!/^[|>][+-]?[1-9]/.test(block) || String(value).trim() !== '' || !/\n[ \t]+\r?$/m.test(block)) return;
      found.set(lineAt(range?.[0] ?? 0), 'there is a block of blanks, which psyml may read; write it in quotes');
    },
  });
  return found;
}

function openBlockOf(root: YAMLMap, text: string): Scalar | undefined {
  if (text.slice(text.lastIndexOf('\n') + 1).trim() === '') return undefined;
  let found: Scalar | undefined;
  visit(root, {
    Scalar(_key, node) {
      if (isBlock(node) && (node.range?.[1] ?? 0) >= text.length) found = node;
    },
  });
  return found;
}

/** Whether a text stands as lines behind `|` or `>`. */
export function isBlock({ type }: Scalar): boolean {
  return type === 'BLOCK_LITERAL' || type === 'BLOCK_FOLDED';
}

/** Makes the error of a file. */
export type Fail = (what: string, line?: number) => KeysteadError;

/** Errors of a file: which one, where, what. */
export function failureOf(file: string): Fail {
  return (what, line) =>
    new KeysteadError('bad-secrets-file', `${file}: ${line === undefined ? '' : `line ${line}: `}${what}`);
}

/** The text of a field; undefined where it is a list or a mapping. */
export function leafOf(field: Field, fail: Fail): Leaf | undefined {
  const { value, alias, pair, line } = field;
  if (!isScalar(value)) return undefined;
  if (value.tag !== undefined && value.tag !== STR && value.tag !== '!') throw fail('tags have no meaning here', line);
  const text = String(value.value ?? '');
  if (!text.isWellFormed()) throw fail(`${field.key} holds half of a surrogate pair, which is no character`, line);
  // PyYAML takes the tag `!` for none, and then quotes as well.
  const plain = value.tag === '!' || ((value.type === 'PLAIN' || value.type === undefined) && value.tag === undefined);
  return { text, kind: plain ? scalarKind(text) : 'text', line, node: value, alias, pair };
}

export function mapOf(field: Field): YAMLMap | undefined {
  return isMap(field.value) ? field.value : undefined;
}

export function seqOf(field: Field): YAMLSeq | undefined {
  return isSeq(field.value) ? field.value : undefined;
}

function fieldReader(
  resolved: YamlSource['resolved'],
  lineOf: YamlSource['lineOf'],
  fail: Fail,
  doubts: Map<number, string>,
): YamlSource['fields'] {
  let merges = 0;
  const read = (map: YAMLMap, depth = 0): Field[] => {
    if (map.tag !== undefined && !COLLECTIONS.includes(map.tag)) throw fail('tags have no meaning here', lineOf(map));
    const own = new Map<string, Field>();
    const merged = new Map<string, Field>();
    const twice = new Map<string, number>();
    for (const pair of map.items) {
      const key = keyOf(resolved(pair.key), lineOf, fail);
      const line = lineOf(pair.key as Node);
      if (key.merge) {
        for (const field of fromMerge(pair.value, line, depth + 1)) {
          if (!merged.has(field.key)) merged.set(field.key, field);
          else if (merged.get(field.key)?.value !== field.value) twice.set(field.key, line);
        }
        continue;
      }
      if (own.has(key.text)) throw fail(`the key ${JSON.stringify(key.text)} is given twice`, line);
      const alias = isAlias(pair.value) ? pair.value : undefined;
      own.set(key.text, { key: key.text, line, value: resolved(pair.value), alias, pair });
    }
    for (const [key, line] of twice) {
      // PyYAML 6.0.4 takes the last, those before it the first.
      if (!own.has(key))
        doubts.set(line, `two merged mappings have ${key}; the first counts, and psyml may take the last`);
    }
    return [...own.values(), ...[...merged.values()].filter(({ key }) => !own.has(key))];
  };
  const fromMerge = (given: unknown, line: number, depth: number): Field[] => {
    if (++merges > MAX_MERGES || depth > MAX_DEPTH) throw fail('merge keys lead to each other without end', line);
    const value = resolved(given);
    const maps = isSeq(value) ? value.items.map(resolved) : [value];
    return maps.flatMap((map) => {
      if (!isMap(map)) throw fail('a merge key takes a mapping or a list of mappings', line);
      return read(map, depth).map((field) => ({ ...field, pair: undefined }));
    });
  };
  return (map) => read(map);
}

function keyOf(node: Node | undefined, lineOf: YamlSource['lineOf'], fail: Fail): { text: string; merge: boolean } {
  if (!isScalar(node)) throw fail('a key is not text', lineOf(node));
  const text = String(node.value ?? '');
  const kind = node.type === 'PLAIN' ? scalarKind(text) : 'text';
  if (kind === 'merge') return { text, merge: true };
  if (kind !== 'text') throw fail(`the key ${JSON.stringify(text)} is not text; put it in quotes`, lineOf(node));
  return { text, merge: false };
}
