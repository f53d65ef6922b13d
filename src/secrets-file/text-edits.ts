import { KeysteadError } from '../core/errors.ts';
import type { YamlSource } from './yaml-source.ts';

/** Puts `text` in the place of what stands from `from` to `to`, in UTF-16 units of the source. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Carries out edits that do not touch each other; whatever lies outside of them stays. Equal places keep their order. */
export function applyEdits(source: string, edits: readonly Edit[]): string {
  const sorted = [...edits].sort((a, b) => a.from - b.from || a.to - b.to);
  let at = 0;
  let out = '';
  for (const { from, to, text } of sorted) {
    if (from < at || to < from) throw new KeysteadError('unexpected', 'two changes of the file touch each other');
    out += source.slice(at, from) + text;
    at = to;
  }
  return out + source.slice(at);
}

/** Where the line of an offset begins. */
export function lineStart(source: string, offset: number): number {
  return source.lastIndexOf('\n', offset - 1) + 1;
}

/** How far in an offset stands in its line; a byte order mark has no width. */
export function columnAt(source: string, offset: number): number {
  return source.slice(lineStart(source, offset), offset).replace('\ufeff', '').length;
}

/** Where the text of an offset's line ends, before its line break. */
export function lineEnd(source: string, offset: number): number {
  const end = source.indexOf('\n', offset);
  if (end < 0) return source.length;
  return end > offset && source[end - 1] === '\r' ? end - 1 : end;
}

/** The line break that the file uses. */
export function newlineOf(source: string): '\n' | '\r\n' {
  const first = source.indexOf('\n');
  return first > 0 && source[first - 1] === '\r' ? '\r\n' : '\n';
}

/** Lets more follow a block in which the text ends: the line break that then comes is not of the block's text. */
export function closedBlock({ openBlock, text }: Pick<YamlSource, 'openBlock' | 'text'>): Edit[] {
  const from = openBlock?.range?.[0];
  if (from === undefined) return [];
  const indicator = /^[|>][0-9+-]*/.exec(text.slice(from))?.[0] ?? '';
  return [{ from, to: from + indicator.length, text: `${indicator.replace(/[+-]/, '')}-` }];
}
