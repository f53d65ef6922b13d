import { KeysteadError } from '../core/errors.ts';

/** Names whose values are never logged, compared in lower case without `-` and `_`. */
const SECRET_NAMES = new Set([
  ...['authorization', 'proxyauthorization', 'cookie', 'setcookie', 'xapikey', 'apikey'],
  ...['token', 'admintoken', 'accesstoken', 'refreshtoken', 'idtoken', 'sessiontoken', 'bearer', 'credentials'],
  ...['password', 'passphrase', 'secret', 'clientsecret', 'accesskey', 'secretkey', 'secretaccesskey', 'accesskeyid'],
  ...['mastersecret', 'salt', 'key', 'keys', 'datakey', 'privatekey', 'plaintext', 'prk', 'okm', 'share'],
  ...['body', 'rawbody', 'payload', 'query', 'rawheaders'],
]);
/** Names of values that are random-looking and public. */
const PUBLIC_NAMES = new Set(['traceid', 'auditid', 'fingerprint', 'http', 'grpc', 'version', 'time']);
const MAX_DEPTH = 6;
const MAX_ENTRIES = 50;
const MAX_TEXT = 4096;

const SCHEME_CREDENTIALS = /\b(bearer|basic)\s+[^\s"',]+/gi;
/** What stands behind the `?` or before the `@` of any URI, ours or another's. */
const URI_QUERY = /\b([a-z][a-z0-9+.-]*:\/\/[^\s"'<>?#]*)[?#][^\s"'<>]*/gi;
const URI_USER = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/"'@]+@/gi;
/** A run that could be 12 bytes or more of something random, in hex or in either base64. */
const ENCODED = /[A-Za-z0-9+/_-]{16,}={0,2}/g;
const PEM = /-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)/g;

/**
 * Removes from a text what may be a credential: `Bearer …`, PEM blocks, the query and the user of URIs, and every run
 * of characters that could be key material in hex or base64. It would rather hide too much: a long file name with
 * digits and capitals may fall with it.
 */
export function scrubText(text: string): string {
  return text
    .slice(0, MAX_TEXT)
    .replace(PEM, '[pem]')
    .replace(SCHEME_CREDENTIALS, '$1 [secret]')
    .replace(URI_USER, '$1[secret]@')
    .replace(URI_QUERY, '$1?[secret]')
    .replace(ENCODED, (run) => (looksRandom(run) ? '[secret]' : run));
}

const HEX = /^[0-9a-f]+$/i;
/** `camelCase` and `PascalCase`: key material would have to be letters only, and few of them capitals. */
const IDENTIFIER = /^[A-Za-z]?[a-z]+(?:[A-Z][a-z]{2,})*$/;
const KEBAB = /^[a-z]+(?:[-_][a-z0-9]+)*$/;

/** Hex digits, or letters, capitals and digits mixed as words and paths seldom mix them. */
function looksRandom(run: string): boolean {
  if (HEX.test(run.replace(/[-_=]/g, ''))) return true;
  if (/[A-Z]/.test(run) && /[a-z]/.test(run)) return !IDENTIFIER.test(run);
  // Of capitals alone, or padded, it is no path.
  if (/^[^A-Z=]*\/[^A-Z=]*$/.test(run)) return run.split('/').some((part) => part.length >= 16 && looksRandom(part));
  return /\d/.test(run) && /[A-Za-z]/.test(run) && !KEBAB.test(run);
}

/**
 * A copy of anything that may be logged: byte arrays and values under secret names are replaced, texts are scrubbed,
 * errors keep their kind, code, reason, stack and causes. Never throws; what nests or repeats too far is cut.
 */
export function scrub(value: unknown, name = '', depth = 0): unknown {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean') return value;
  if (SECRET_NAMES.has(name.toLowerCase().replace(/[-_]/g, ''))) return '[secret]';
  if (typeof value === 'string') return PUBLIC_NAMES.has(name.toLowerCase()) ? value : scrubText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object') return undefined;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (value instanceof Error) return scrubError(value, depth);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
  if (Array.isArray(value) && value.length >= 8 && value.every(isByte)) return `[${value.length} numbers]`;
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((item) => scrub(item, name, depth + 1));
  return scrubObject(value, depth);
}

/** Bytes may come as numbers, as a buffer's own JSON has them. */
function isByte(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 255;
}

function scrubObject(value: object, depth: number): unknown {
  try {
    const shown = 'toJSON' in value && typeof value.toJSON === 'function' ? (value.toJSON() as unknown) : value;
    if (typeof shown !== 'object' || shown === null) return scrub(shown, '', depth + 1);
    const entries = Object.entries(shown).slice(0, MAX_ENTRIES);
    return Object.fromEntries(entries.map(([name, item]) => [scrubText(name), scrub(item, name, depth + 1)]));
  } catch {
    return '[unreadable]';
  }
}

/**
 * The message of our own errors is fit for callers and stays as it is; every other is scrubbed. The frames of the stack
 * hold code positions only; its head repeats the message and is left out.
 */
function scrubError(error: Error, depth: number): unknown {
  const ours = error instanceof KeysteadError;
  const code = (error as NodeJS.ErrnoException).code;
  return {
    type: scrubText(error.name),
    ...(ours ? { reason: error.reason } : {}),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: scrubText(String(code)) } : {}),
    message: ours ? error.message : scrubText(error.message),
    stack: framesOf(error),
    ...(error.cause === undefined ? {} : { cause: scrub(error.cause, 'cause', depth + 1) }),
  };
}

/** Lines of the message may look like frames, so the message is cut off first; a `data:` module is its own name. */
function framesOf(error: Error): string[] {
  const stack = error.stack ?? '';
  const head = stack.indexOf(error.message);
  const lines = (head < 0 ? '' : stack.slice(head + error.message.length)).split('\n');
  const frames = lines.map((line) => line.trim()).filter((line) => line.startsWith('at '));
  return frames.slice(0, 20).map((frame) => frame.replace(/data:.*$/, 'data:'));
}
