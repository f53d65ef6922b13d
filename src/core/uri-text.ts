import { KeysteadError } from './errors.ts';
import { CONTROL } from './secret-reference.ts';
import type { UriField } from './uri-schemas.ts';

/** Whether a field that is no secret may have this value. */
export function isValid(text: string, { pattern, enum: words }: UriField): boolean {
  // These are all the constraints that a field can have; a validator for all of JSON Schema would slow every start.
  if (words !== undefined && !words.includes(text)) return false;
  return pattern === undefined || new RegExp(pattern, 'u').test(text);
}

/** Throws `bad-uri` unless the value is visible ASCII, percent-encoded UTF-8 and one line of text. */
export function decodeValue(encoded: string, what: string): string {
  if (encoded === '') throw new KeysteadError('bad-uri', `${what} is empty`);
  if (!/^[!-~]*$/.test(encoded)) {
    throw new KeysteadError('bad-uri', `${what} holds a space or a character that must be percent-encoded`);
  }
  if (/%(?![0-9A-Fa-f]{2})/.test(encoded)) {
    throw new KeysteadError('bad-uri', `${what} has a malformed percent-encoding; write % itself as %25`);
  }
  let text: string;
  try {
    text = decodeURIComponent(encoded);
  } catch {
    throw new KeysteadError('bad-uri', `${what} is not valid UTF-8 once its percent-encoding is undone`);
  }
  if (CONTROL.test(text)) throw new KeysteadError('bad-uri', `${what} holds a control character`);
  return text;
}

/** Percent-encodes what a query may not hold; `/`, `:` and `=` may stand there and are easier to read so. */
export function encodeValue(text: string): string {
  return encodeURIComponent(text).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%3D', '=');
}
