import { KeysteadError } from './errors.ts';
import { nearestName } from './nearest-name.ts';
import { SecretBytes } from './secret-bytes.ts';
import {
  formatSecret,
  parseSecret,
  REDACTED,
  resolveSecret,
  type SecretSource,
  type UriSecret,
} from './secret-reference.ts';
import { redactText } from './uri-redaction.ts';
import {
  type KmsUri,
  type ParametersUri,
  providersOf,
  type Scheme,
  type StorageUri,
  schemaOf,
  type Uri,
  type UriField,
  type UriSchema,
} from './uri-schemas.ts';
import { decodeValue, encodeValue, isValid } from './uri-text.ts';

/**
 * Reads `kms://PROVIDER?name=value&…` (docs/reference/uris.md). Throws `bad-uri`, which names what is wrong and never
 * holds a value. `+` is a plus sign, not a space. The caller disposes the secrets in it: `disposeSecrets`.
 */
export function parseKmsUri(text: string): KmsUri {
  return parse('kms', text) as KmsUri;
}

/** Reads `storage://PROVIDER?name=value&…`, as `parseKmsUri` does. */
export function parseStorageUri(text: string): StorageUri {
  return parse('storage', text) as StorageUri;
}

/** Reads `parameters://PROVIDER?name=value&…`, as `parseKmsUri` does. */
export function parseParametersUri(text: string): ParametersUri {
  return parse('parameters', text) as ParametersUri;
}

/**
 * Writes a URI, secrets included, such that parsing gives it back: names in the schema's order, defaults left out.
 * Throws `bad-uri` for a value that no URI can hold.
 */
export function formatUri(uri: Uri): string {
  const text = write(uri, (name, field, value) =>
    field.secret === undefined
      ? String(value)
      : formatSecret(value as UriSecret, field.secret, `${head(uri)}: ${name}`),
  );
  disposeSecrets(parse(uri.scheme, text));
  return text;
}

/**
 * A URI as it may be shown: whatever is not known to be no secret is `REDACTED`. Also for text that is no URI.
 *
 * Promises: no value of a secret field is shown, whatever the text; only references are. Where something was redacted
 * it does not parse back.
 */
export function redactUri(uri: Uri | string): string {
  if (typeof uri === 'string') return redactText(uri);
  const text = write(uri, (name, field, value) => {
    if (field.secret === undefined) return String(value);
    return value instanceof SecretBytes ? REDACTED : formatSecret(value as UriSecret, field.secret, name);
  });
  return redactText(text);
}

/** Writes which key or place is meant, without who we are: for records, metrics and comparison. */
export function uriWithoutCredentials(uri: Uri): string {
  return write(uri, (_name, field, value) => (field.credential === true ? undefined : String(value)));
}

/**
 * Which KEK is meant, whoever reaches it and however: what wrapped keys say of their KEK. Of an AWS key that is named by
 * its ARN the region is left out, which the ARN has.
 */
export function kekUri(uri: KmsUri): string {
  const inArn = uri.provider === 'aws' && uri.keyName.startsWith('arn:');
  return write(uri, (name, field, value) =>
    field.credential === true || field.manner === true || (inArn && name === 'region') ? undefined : String(value),
  );
}

/** The secrets of a URI by field: what the URI holds or what its references lead to. The caller disposes each. */
export type SecretsOf<U> = {
  readonly [K in keyof U as [SecretBytes] extends [U[K]] ? K : never]: SecretBytes;
};

/** Follows the references of a URI. Throws `bad-uri`, `no-file` or `cannot-read`, naming field and reference. */
export async function resolveSecrets<U extends Uri>(uri: U, source: SecretSource): Promise<SecretsOf<U>> {
  const secrets: Record<string, SecretBytes> = {};
  try {
    for (const [name, field, value] of fieldsOf(uri)) {
      if (field.secret === undefined) continue;
      secrets[name] = await resolveSecret(value as UriSecret, field.secret, `${head(uri)}: ${name}`, source);
    }
    return secrets as SecretsOf<U>;
  } catch (error) {
    for (const secret of Object.values(secrets)) secret.dispose();
    throw error;
  }
}

/** Whether a key or credentials stand in the URI itself, not only references to them. */
export function holdsSecrets(uri: Uri): boolean {
  return Object.values(uri).some((value) => value instanceof SecretBytes);
}

/** Wipes the secrets that stand in the URI itself. */
export function disposeSecrets(uri: Uri): void {
  for (const value of Object.values(uri)) if (value instanceof SecretBytes) value.dispose();
}

function parse(scheme: Scheme, text: string): Uri {
  const [provider, query] = split(scheme, text);
  const known = schemaOf(scheme, provider);
  if (known === undefined) throw bad(`${scheme}://`, unknown('provider', provider, providersOf(scheme)));
  const where = `${scheme}://${provider}`;
  const texts = readPairs(query, known, where);
  assertComplete(texts, known, where);
  const uri: Record<string, unknown> = { scheme, provider };
  try {
    for (const [name, field] of known.fields) {
      const value = texts.get(name) ?? field.default;
      if (value !== undefined) uri[name] = readValue(value, field, name, where);
    }
  } catch (error) {
    disposeSecrets(uri as unknown as Uri);
    throw error;
  }
  return uri as unknown as Uri;
}

/** Provider and query; undefined where there is no `?`. */
function split(scheme: Scheme, text: string): [string, string | undefined] {
  if (!text.startsWith(`${scheme}://`)) {
    const other = /^([a-z][a-z0-9+.-]{0,19}):\/\//i.exec(text)?.[1];
    const found = other === undefined ? 'this has no scheme' : `the scheme is ${other}`;
    throw bad(`a ${scheme} URI`, `${found}; it must begin with ${scheme}://`);
  }
  const rest = text.slice(scheme.length + 3);
  if (rest.includes('#')) throw bad(`${scheme}://`, 'a fragment has no meaning here; write # in a value as %23');
  const mark = rest.indexOf('?');
  const authority = mark < 0 ? rest : rest.slice(0, mark);
  const query = mark < 0 ? undefined : rest.slice(mark + 1);
  const expected = `after ${scheme}:// comes the provider alone, one of ${providersOf(scheme).join(', ')}`;
  if (authority === '') throw bad(`${scheme}://`, `there is no provider; ${expected}`);
  if (authority.includes('@')) throw bad(`${scheme}://`, `user information has no meaning here; ${expected}`);
  if (authority.includes('/')) throw bad(`${scheme}://`, `a path has no meaning here; ${expected}`);
  if (authority.includes(':')) throw bad(`${scheme}://`, `a port has no meaning here; ${expected}`);
  if (query === '') throw bad(`${scheme}://`, 'nothing follows the ?; leave it out');
  return [authority, query];
}

function readPairs(query: string | undefined, known: UriSchema, where: string): Map<string, string> {
  const texts = new Map<string, string>();
  const names = [...known.fields.keys()];
  for (const [index, pair] of (query?.split('&') ?? []).entries()) {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    if (!known.fields.has(name)) throw bad(where, unknown(`name (number ${index + 1})`, name, names, equals >= 0));
    if (texts.has(name)) throw bad(where, `${name} is given twice`);
    if (equals < 0) throw bad(where, `${name} has no value; write ${name}=VALUE`);
    texts.set(name, decodeValue(pair.slice(equals + 1), `${where}: ${name}`));
  }
  return texts;
}

function assertComplete(texts: ReadonlyMap<string, string>, known: UriSchema, where: string): void {
  for (const name of known.required) {
    if (!texts.has(name)) throw bad(where, `${name} is missing; give ${known.fields.get(name)?.form}`);
  }
  for (const [name, others] of known.needs) {
    const missing = texts.has(name) ? others.find((other) => !texts.has(other)) : undefined;
    if (missing !== undefined) throw bad(where, `${missing} is missing; ${name} has no meaning without it`);
  }
}

function readValue(text: string, field: UriField, name: string, where: string): unknown {
  if (field.secret !== undefined) return parseSecret(text, field.secret, `${where}: ${name}`);
  if (!isValid(text, field)) {
    const near = field.enum === undefined ? undefined : nearestName(text, field.enum);
    throw bad(where, `${name} is not valid; give ${field.form}${near === undefined ? '' : ` (did you mean ${near}?)`}`);
  }
  return field.flag === true ? text === 'true' : text;
}

type Written = (name: string, field: UriField, value: unknown) => string | undefined;

function write(uri: Uri, written: Written): string {
  const pairs: string[] = [];
  for (const [name, field, value] of fieldsOf(uri)) {
    const text = written(name, field, value);
    if (text === undefined || text === field.default) continue;
    if (!text.isWellFormed()) throw bad(head(uri), `${name} holds a lone surrogate`);
    pairs.push(`${name}=${encodeValue(text)}`);
  }
  return pairs.length === 0 ? head(uri) : `${head(uri)}?${pairs.join('&')}`;
}

/** The fields that are there, in the schema's order. */
function fieldsOf(uri: Uri): [string, UriField, unknown][] {
  const values: Readonly<Record<string, unknown>> = { ...uri };
  const fields = schemaOf(uri.scheme, uri.provider)?.fields ?? new Map<string, UriField>();
  return [...fields].flatMap(([name, field]) => (values[name] === undefined ? [] : [[name, field, values[name]]]));
}

function head(uri: Uri): string {
  return `${uri.scheme}://${uri.provider}`;
}

function bad(where: string, what: string): KeysteadError {
  return new KeysteadError('bad-uri', `${where}: ${what}`);
}

function unknown(what: string, name: string, known: readonly string[], shown = true): string {
  const near = nearestName(name, known);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  const all = known.length === 0 ? 'it takes no names' : `known: ${known.join(', ')}`;
  return `unknown ${what} ${shown ? printable(name) : NOT_SHOWN}${hint} (${all})`;
}

const NOT_SHOWN = '(not shown)';

/**
 * Shows only what looks like a word: behind a secret that was not percent-encoded, an unknown "name" may be the rest
 * of that secret.
 */
function printable(name: string): string {
  return /^[A-Za-z]+(?:[-_.][A-Za-z]+)*\d{0,2}$/.test(name) && name.length <= 16 ? JSON.stringify(name) : NOT_SHOWN;
}
