import { formatReference, parseReference, REDACTED } from './secret-reference.ts';
import { type Scheme, schemaOf, type UriField } from './uri-schemas.ts';
import { decodeValue, encodeValue, isValid } from './uri-text.ts';

const HEAD = /^(kms|storage|parameters):\/\/([a-z-]+)(?:\?(.*))?$/s;
// What a value may hold that is shown: nothing that could begin another pair, a document or a second encoding.
const HARMLESS = /^[\p{L}\p{N} ._/:@+~[\]-]*$/u;
const SECRET_NAME = /accesskey|sessiontoken|clientsecret/i;

/** Redacts text that may or may not be a URI; see `redactUri`. */
export function redactText(text: string): string {
  const [, scheme, provider, query] = HEAD.exec(text) ?? [];
  const known = scheme === undefined ? undefined : schemaOf(scheme as Scheme, provider ?? '');
  if (known === undefined) return REDACTED;
  const pairs = query?.split('&').map((pair) => redactPair(pair, known.fields));
  return pairs === undefined ? `${scheme}://${provider}` : `${scheme}://${provider}?${pairs.join('&')}`;
}

function redactPair(pair: string, fields: ReadonlyMap<string, UriField>): string {
  const equals = pair.indexOf('=');
  const name = equals < 0 ? pair : pair.slice(0, equals);
  const field = fields.get(name);
  if (field === undefined) return REDACTED;
  const shown = equals < 0 ? undefined : shownValue(pair.slice(equals + 1), field);
  return `${name}=${shown === undefined ? REDACTED : encodeValue(shown)}`;
}

function shownValue(encoded: string, field: UriField): string | undefined {
  const text = decoded(encoded);
  if (text === undefined) return undefined;
  if (field.secret !== undefined) {
    const reference = parseReference(text);
    return reference === undefined ? undefined : formatReference(reference);
  }
  return isValid(text, field) && HARMLESS.test(text) && !SECRET_NAME.test(text) ? text : undefined;
}

function decoded(encoded: string): string | undefined {
  try {
    return decodeValue(encoded, 'value');
  } catch {
    return undefined;
  }
}
