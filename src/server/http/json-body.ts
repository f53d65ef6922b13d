import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { KeysteadError } from '../../core/errors.ts';

const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i;
/** Levels of objects and arrays: ours have three. */
const MAX_DEPTH = 8;

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;

/** Throws `unsupported-media-type` unless the headers announce plain JSON in UTF-8. */
export function assertJsonType(headers: IncomingHttpHeaders): void {
  const type = headers['content-type'] ?? '';
  if (type !== 'application/json' && !JSON_TYPE.test(type)) {
    throw new KeysteadError('unsupported-media-type', 'send the body as application/json, in UTF-8');
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new KeysteadError('unsupported-media-type', 'send the body as it is, without content-encoding');
  }
}

/**
 * Reads JSON more strictly than `JSON.parse`: valid UTF-8 only, no byte order mark, no member twice in one object
 * (of two readers one would take the first, one the last), a bounded depth. Throws `bad-json`.
 */
export function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) throw badJson('the body is empty; send a JSON object, or no content-type and no body at all');
  if (!isUtf8(body)) throw badJson('the body is not valid UTF-8');
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  if (text.charCodeAt(0) === 0xfeff) throw badJson('the body begins with a byte order mark; send plain UTF-8');
  const value = parse(text);
  // Every member of the text has one colon outside of strings; a member that is there twice is one in the value.
  if (countColons(text) !== countMembers(value, 1)) throw badJson('the body has a member twice in one object');
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8's own message quotes the text, which may be a secret; the position is enough.
    const position = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined;
    throw badJson(`the body is not valid JSON${position === undefined ? '' : `, at character ${position}`}`);
  }
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

function countMembers(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > MAX_DEPTH) throw badJson(`the body is nested more than ${MAX_DEPTH} levels deep`);
  const members = Object.values(value);
  let count = Array.isArray(value) ? 0 : members.length;
  for (const member of members) count += countMembers(member, depth + 1);
  return count;
}

function badJson(message: string): KeysteadError {
  return new KeysteadError('bad-json', message);
}
