import { scalarKind } from './python-scalar.ts';

/** How a text is written: `head` where the old value began, `body` behind the rest of that line. */
export interface Written {
  readonly head: string;
  readonly body: string;
}

export interface Place {
  /** The style of the value that it replaces. */
  readonly style: 'plain' | 'single' | 'double';
  /** Within `{}` or `[]`. */
  readonly flow: boolean;
  /** Column of the key; undefined where lines of a block cannot follow. */
  readonly indent: number | undefined;
  readonly newline: '\n' | '\r\n';
}

/** What YAML 1.1 may hold as it is; C1 controls, line breaks of YAML 1.1 and marks that editors hide are left out. */
const PRINTABLE = /^[\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]*$/u;
/** What both YAML 1.1 and 1.2 read as plain text, in a block and within brackets. */
const PLAIN = /^[A-Za-z0-9_./+$(][A-Za-z0-9_./+$()@=:-]*(?: [A-Za-z0-9_./+$()@=:-]+)*$/;
/** In a block a colon is text but before a space; within brackets readers differ. */
const COLON = { block: /:(?= |$)/, flow: /:/ };
/** What YAML 1.2 reads as something else; of YAML 1.1 `scalarKind` knows. */
const TYPED_1_2 = /^(?:[-+]?(?:0o[0-7]+|[0-9.]+(?:[eE][-+]?[0-9]+)?)|[yYnN])$/;

/**
 * Writes a text so that YAML 1.1 and 1.2 both read that very text: plain where that is safe, lines as a block, else in
 * quotes. Quotes that were there stay, so that JSON stays JSON. The text is well-formed UTF-16.
 */
export function writeScalar(text: string, place: Place): Written {
  const { style } = place;
  if (style === 'plain' && isPlain(text, place.flow)) return { head: text, body: '' };
  if (style !== 'double' && PRINTABLE.test(text)) return { head: `'${text.replaceAll("'", "''")}'`, body: '' };
  const block = style === 'plain' && !place.flow ? blockOf(text, place) : undefined;
  return block ?? { head: doubleQuoted(text), body: '' };
}

function isPlain(text: string, flow: boolean): boolean {
  if (!PLAIN.test(text) || COLON[flow ? 'flow' : 'block'].test(text)) return false;
  return !TYPED_1_2.test(text) && scalarKind(text) === 'text';
}

/** A literal block, where it can hold the text: its last line break is the one that follows the value in the file. */
function blockOf(text: string, { indent, newline }: Place): Written | undefined {
  const lines = text.replace(/\n$/, '').split('\n');
  const [first = '', last = ''] = [lines[0], lines.at(-1)];
  const fits = lines.length > 1 && lines.every((line) => PRINTABLE.test(line)) && !/^[ \t]/.test(first);
  if (indent === undefined || !fits || first === '' || last.trim() === '') return undefined;
  if (lines.some((line) => line !== '' && line.trim() === '')) return undefined;
  const margin = ' '.repeat(indent + 2);
  const body = lines.map((line) => (line === '' ? newline : `${newline}${margin}${line}`)).join('');
  return { head: text.endsWith('\n') ? '|' : '|-', body };
}

/** JSON's quotes; what YAML 1.1 does not take as it is, or takes for a line break, is escaped. */
function doubleQuoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
