import { open, SEAL_KEY_LENGTH, seal } from '../core/aead.ts';
import type { Call } from '../core/call.ts';
import type { Random } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { fromBase64, toBase64 } from '../core/encoding.ts';
import { KeysteadError } from '../core/errors.ts';
import { JsonFields } from '../core/json-fields.ts';
import type { Kek, WrappedKey } from '../core/kek.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import { parseStrictJson } from '../core/strict-json.ts';
import type { Sealer } from './sealer.ts';

/** What a sealed value begins with. */
const PREFIX = 'ks1:';
const FILE_ID_LENGTH = 16;

/** A new random id: what the values of one file are bound to. */
export function newFileId(random: Random): string {
  return Buffer.from(random.bytes(FILE_ID_LENGTH)).toString('hex');
}

export function newDataKey(random: Random): SecretBytes {
  return SecretBytes.own(random.bytes(SEAL_KEY_LENGTH));
}

/** Wraps a file's data key: the text of `data_key` (docs/formats/secrets-file.md). */
export async function wrapDataKey(kek: Kek, key: SecretBytes, file: string, call: Call): Promise<string> {
  const { version, algorithm, bytes } = await kek.wrap(key, wrapContext(file), call);
  return JSON.stringify({ version, algorithm, wrapped: toBase64(bytes) });
}

/** Throws `bad-secrets-file` for a text that `wrapDataKey` never gave, and what the KEK throws. */
export async function unwrapDataKey(kek: Kek, text: string, file: string, call: Call): Promise<SecretBytes> {
  return kek.unwrap(readDataKey(text, kek.uri), wrapContext(file), call);
}

/**
 * Seals under the data key of a file: AES-256-GCM, bound to the file and to the name, so that a value that was moved to
 * another name or file does not open.
 */
export function dataKeySealer(key: SecretBytes, file: string, random: Random): Sealer {
  return {
    width: 1,
    async seal(name, value) {
      return PREFIX + toBase64(seal(key, value, valueContext(file, name), random));
    },
    async open(name, text) {
      if (!isSealedText(text)) throw new KeysteadError('context-mismatch', 'the value is not one that was sealed');
      return open(
        key,
        fromBase64(text.slice(PREFIX.length), 'context-mismatch', 'the value'),
        valueContext(file, name),
      );
    },
  };
}

/** Whether a text has the form of a sealed value. */
export function isSealedText(text: string): boolean {
  return /^ks1:[A-Za-z0-9+/]{39,}={0,2}$/.test(text);
}

function readDataKey(text: string, kek: string): WrappedKey {
  const refuse = (what: string) => new KeysteadError('bad-secrets-file', `the field data_key ${what}`);
  const fields = new JsonFields(parseStrictJson(Buffer.from(text), 1, refuse), '', refuse);
  fields.assertOnly(['version', 'algorithm', 'wrapped']);
  return {
    kek,
    version: fields.text('version', 4096),
    algorithm: fields.text('algorithm', 256),
    bytes: fields.base64('wrapped'),
  };
}

function wrapContext(file: string): Context {
  return { keystead: '1', use: 'secrets-file', file };
}

function valueContext(file: string, name: string): Context {
  return { keystead: '1', file, parameter: name };
}
