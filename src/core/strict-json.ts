import { isUtf8 } from 'node:buffer';
import type { Refuse } from './json-fields.ts';

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
/** Colons, commas and opening brackets: the largest call that means anything, 1000 keys at once, has half of that. */
const MAX_PARTS = 20_000;

/**
 * Reads JSON more strictly than `JSON.parse`: valid UTF-8 only, no byte order mark, no member twice in one object
 * (of two readers one would take the first, one the last), a bounded depth and number of members and elements (a
 * small text can be a large value).
 *
 * @param refuse makes the error of what is wrong, as in "is not valid JSON"; it never holds any of the text.
 */
export function parseStrictJson(bytes: Uint8Array, maxDepth: number, refuse: Refuse): unknown {
  if (bytes.length === 0) throw refuse('is empty');
  if (!isUtf8(bytes)) throw refuse('is not valid UTF-8');
  const text = bufferOf(bytes).toString();
  if (text.charCodeAt(0) === 0xfeff) throw refuse('begins with a byte order mark');
  const { colons, parts } = countParts(text);
  if (parts > MAX_PARTS) throw refuse('has too many members and elements');
  const value = parse(text, refuse);
  const members = countMembers(value, maxDepth);
  if (Number.isNaN(members)) throw refuse(`is nested more than ${maxDepth} levels deep`);
  // Every member of the text has one colon outside of strings; a member that is there twice is one in the value.
  if (colons !== members) throw refuse('has a member twice in one object');
  return value;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function parse(text: string, refuse: Refuse): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8's own message quotes the text, which may be a secret; the position is enough.
    const position = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined;
    throw refuse(`is not valid JSON${position === undefined ? '' : `, at character ${position}`}`);
  }
}

/** @param text need not be valid JSON. Nothing is counted beyond what is too much. */
function countParts(text: string): { colons: number; parts: number } {
  let colons = 0;
  let others = 0;
  for (let at = 0; at < text.length && colons + others <= MAX_PARTS; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) at = endOfString(text, at);
    else if (character === COLON) colons++;
    else if (character === COMMA || character === OPEN_OBJECT || character === OPEN_ARRAY) others++;
  }
  return { colons, parts: colons + others };
}

/** The index of the quote that ends the string that begins at `start`; the end of the text, if none does. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

/** Members of all objects; not a number where the value is nested deeper. @param value out of `JSON.parse`. */
function countMembers(value: unknown, levels: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (levels === 0) return Number.NaN;
  let count = 0;
  if (Array.isArray(value)) {
    for (const member of value) count += countMembers(member, levels - 1);
  } else {
    // Its own names alone: it has no others.
    for (const name in value) count += 1 + countMembers((value as Record<string, unknown>)[name], levels - 1);
  }
  return count;
}
