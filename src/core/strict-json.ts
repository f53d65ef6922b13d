import { isUtf8 } from 'node:buffer';
import type { Refuse } from './json-fields.ts';

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/**
 * Reads JSON more strictly than `JSON.parse`: valid UTF-8 only, no byte order mark, no member twice in one object
 * (of two readers one would take the first, one the last), a bounded depth.
 *
 * @param refuse makes the error of what is wrong, as in "is not valid JSON"; it never holds any of the text.
 */
export function parseStrictJson(bytes: Uint8Array, maxDepth: number, refuse: Refuse): unknown {
  if (bytes.length === 0) throw refuse('is empty');
  if (!isUtf8(bytes)) throw refuse('is not valid UTF-8');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  if (text.charCodeAt(0) === 0xfeff) throw refuse('begins with a byte order mark');
  const value = parse(text, refuse);
  if (isDeeper(value, maxDepth)) throw refuse(`is nested more than ${maxDepth} levels deep`);
  // Every member of the text has one colon outside of strings; a member that is there twice is one in the value.
  if (countColons(text) !== countMembers(value)) throw refuse('has a member twice in one object');
  return value;
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

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

/** @param text valid JSON. */
function countColons(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === COLON) count++;
    else if (character === QUOTE) at = endOfString(text, at);
  }
  return count;
}

/** The index of the quote that ends the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const members = Object.values(value);
  return members.reduce<number>((sum, member) => sum + countMembers(member), Array.isArray(value) ? 0 : members.length);
}
