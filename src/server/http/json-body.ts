import type { IncomingHttpHeaders } from 'node:http';
import { KeysteadError } from '../../core/errors.ts';
import { parseStrictJson } from '../../core/strict-json.ts';

const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?$/i;
/** Levels of objects and arrays: ours have three. */
const MAX_DEPTH = 8;

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

/** Reads the body as strict JSON. Throws `bad-json`, with no text of the body in it. */
export function parseJson(body: Uint8Array): unknown {
  return parseStrictJson(body, MAX_DEPTH, badJson);
}

function badJson(what: string): KeysteadError {
  return new KeysteadError('bad-json', `the body ${what}; send one JSON object, or no content-type and no body at all`);
}
