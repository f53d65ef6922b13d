import { fromBase64, toBase64 } from './encoding.ts';
import { KeysteadError } from './errors.ts';
import { SecretBytes } from './secret-bytes.ts';
import { unreadable } from './unreadable.ts';

/** Where a secret is kept, in place of the secret: no secret itself, so it may be shown. */
export type SecretReference =
  | { readonly from: 'env'; readonly name: string }
  | { readonly from: 'file'; readonly path: string };

/** A secret in a URI: given there, or by reference. Either way printing it shows nothing. */
export type UriSecret = SecretBytes | SecretReference;

/** `bytes`: written as base64url, a reference gives raw bytes. `text`: written as it is, a reference gives a line. */
export type SecretKind = 'bytes' | 'text';

/** What stands in for a secret on every output. */
export const REDACTED = 'REDACTED';

/** Where references lead: an argument, so that nothing here reads the environment or a file. */
export interface SecretSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gives bytes that nobody else uses: they are wiped after use. */
  readFile(path: string): Uint8Array | Promise<Uint8Array>;
}

const REFERENCE = /^[a-z][a-z0-9+.-]*:\/\//i;
const ENV = /^env:\/\/([A-Za-z_][A-Za-z0-9_]*)$/;
const FILE = /^file:\/\/(\/.+)$/s;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
export const CONTROL = /[\u0000-\u001f\u007f]/;

/** Reads `env://NAME` and `file:///path`; undefined for everything else. The path is taken as it is. */
export function parseReference(text: string): SecretReference | undefined {
  const name = ENV.exec(text)?.[1];
  if (name !== undefined) return { from: 'env', name };
  const path = FILE.exec(text)?.[1];
  return path === undefined || CONTROL.test(path) ? undefined : { from: 'file', path };
}

export function formatReference(reference: SecretReference): string {
  return reference.from === 'env' ? `env://${reference.name}` : `file://${reference.path}`;
}

/**
 * Reads a secret out of a URI's decoded value. Throws `bad-uri`.
 *
 * Whatever begins like a reference is one or is refused: a mistyped reference must not become a credential.
 *
 * @param what names the field in the error text, which never holds the value.
 */
export function parseSecret(text: string, kind: SecretKind, what: string): UriSecret {
  if (REFERENCE.test(text)) {
    const reference = parseReference(text);
    if (reference !== undefined) return reference;
    throw new KeysteadError('bad-uri', `${what} is not a valid reference; give env://NAME or file:///path`);
  }
  // A URI copied out of a log: its placeholder is no secret.
  if (text === REDACTED) {
    throw new KeysteadError('bad-uri', `${what} was redacted; give the secret itself, env://NAME or file:///path`);
  }
  return SecretBytes.own(kind === 'bytes' ? fromBase64(text, 'bad-uri', what) : new TextEncoder().encode(text));
}

/** The value that `parseSecret` reads back. Throws `bad-uri` for a secret that no URI can hold. */
export function formatSecret(secret: UriSecret, kind: SecretKind, what: string): string {
  if (!(secret instanceof SecretBytes)) return formatReference(secret);
  // Padded, as Constellation writes and demands it.
  if (kind === 'bytes') return toBase64(secret.expose()).replaceAll('+', '-').replaceAll('/', '_');
  const text = readText(secret.expose(), what);
  if (!REFERENCE.test(text)) return text;
  throw new KeysteadError('bad-uri', `${what} begins like a reference; no URI can hold it, refer to it instead`);
}

/**
 * The secret itself, in bytes that the caller disposes. Throws `bad-uri`, `no-file` or `cannot-read`, naming field and
 * reference.
 *
 * Raw bytes are taken as they are. A text loses one line break at its end, since editors and `echo` write one.
 */
export async function resolveSecret(
  secret: UriSecret,
  kind: SecretKind,
  what: string,
  source: SecretSource,
): Promise<SecretBytes> {
  if (secret instanceof SecretBytes) return secret.clone();
  const named = `${what} (${formatReference(secret)})`;
  const raw = secret.from === 'env' ? fromEnv(secret.name, named, source) : await fromFile(secret.path, named, source);
  try {
    const bytes = kind === 'text' ? withoutLineBreak(raw) : raw;
    if (bytes.length === 0) throw new KeysteadError('bad-uri', `${named} is empty`);
    if (kind === 'text') readText(bytes, named);
    return SecretBytes.copyOf(bytes);
  } finally {
    raw.fill(0);
  }
}

function fromEnv(name: string, named: string, source: SecretSource): Uint8Array {
  const text = Object.hasOwn(source.env, name) ? source.env[name] : undefined;
  if (text === undefined) throw new KeysteadError('bad-uri', `${named}: the environment variable is not set`);
  // The runtime puts U+FFFD where the variable is not UTF-8: other bytes, hence another key, without a word.
  if (text.includes('\ufffd')) {
    throw new KeysteadError('bad-uri', `${named}: the variable holds bytes that are not UTF-8; use file:///path`);
  }
  return new TextEncoder().encode(text);
}

async function fromFile(path: string, named: string, source: SecretSource): Promise<Uint8Array> {
  try {
    return await source.readFile(path);
  } catch (error) {
    throw unreadable(`${named}: the file`, error);
  }
}

function withoutLineBreak(bytes: Uint8Array): Uint8Array {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}

/** A credential is one line of UTF-8: anything else would be sent as something that it is not. */
function readText(bytes: Uint8Array, what: string): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new KeysteadError('bad-uri', `${what} is not UTF-8`);
  }
  if (CONTROL.test(text)) {
    throw new KeysteadError('bad-uri', `${what} holds a control character or a second line`);
  }
  return text;
}
