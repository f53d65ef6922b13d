import type { Static, TSchema } from 'typebox';
import { isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { type DocumentProblem, type DocumentSchema, ShapeReader } from './document-shape.ts';

export type { DocumentProblem } from './document-shape.ts';

export type ReadDocument<T> =
  | { readonly value: T; lineOf(path: string): number | undefined }
  | { readonly problems: readonly DocumentProblem[] };

/** Problems told at most: behind a slip of the pen, a parser finds hundreds. */
const MAX_PROBLEMS = 50;

/** Bytes of a document at most, where nothing else is said. */
export const MAX_DOCUMENT = 4_194_304;

/**
 * Reads a YAML 1.2 document of the form that a schema says. Strict: one document, no name twice, no unknown name, no
 * alias, no value of another kind; all problems at once.
 */
export function readDocument<S extends TSchema>(
  bytes: Uint8Array,
  schema: S,
  max = MAX_DOCUMENT,
): ReadDocument<Static<S>> {
  if (bytes.length > max) return refused(`must be at most ${max} bytes`);
  const text = decode(bytes);
  if (text === undefined) return refused('must be UTF-8');
  const lines = new LineCounter();
  const document = parse(text, lines);
  if (document === undefined) return refused('is nested too deeply');
  const flaws = [...document.errors, ...document.warnings];
  if (flaws.length > 0) {
    const all = flaws.map(({ code, pos }) => ({ path: '', line: lines.linePos(pos[0]).line, text: flaw(code) }));
    return { problems: all.filter(({ line }, at) => line !== all[at - 1]?.line).slice(0, MAX_PROBLEMS) };
  }
  const root = document.contents as Node | null;
  if (root === null || (isScalar(root) && root.value === null)) return refused('must not be empty');
  const reader = new ShapeReader((node) => lines.linePos(node.range?.[0] ?? 0).line);
  const value = reader.read(root, schema as DocumentSchema, '') as Static<S>;
  if (reader.problems.length > 0) return { problems: reader.problems.slice(0, MAX_PROBLEMS) };
  return { value, lineOf: (path) => reader.lines.get(path) };
}

/** One line for each problem: `line 17: rules[3].actions[0] must be …`. */
export function problemLines(problems: readonly DocumentProblem[]): string[] {
  return problems.map(({ path, line, text }) => {
    const where = line === undefined ? '' : `line ${line}: `;
    return `${where}${path === '' ? 'the document' : path} ${text}`;
  });
}

/** Names are compared while they are read: the parser's own way takes the square of their number. */
const STRICT = { prettyErrors: false, version: '1.2', merge: false, uniqueKeys: false } as const;

function parse(text: string, lineCounter: LineCounter): ReturnType<typeof parseDocument> | undefined {
  try {
    return parseDocument(text, { ...STRICT, lineCounter });
  } catch (error) {
    // The parser calls itself for each level.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function refused(text: string): { problems: DocumentProblem[] } {
  return { problems: [{ path: '', text }] };
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function flaw(code: string): string {
  switch (code) {
    case 'MULTIPLE_DOCS':
      return 'must be one; here a second one begins';
    case 'TAB_AS_INDENT':
      return 'must be indented with spaces; here is a tab';
    default:
      return `must be valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
  }
}
