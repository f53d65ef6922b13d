import { timingSafeEqual } from 'node:crypto';
import { checkValue } from '../core/derive.ts';
import { fromBase64 } from '../core/encoding.ts';
import { KeysteadError } from '../core/errors.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import { type DataKey, Fields } from './answers.ts';

/** Names of the headers that carry the metadata of a key sent as raw bytes. */
const HEADER = {
  id: 'keystead-data-key-id',
  version: 'keystead-version',
  check: 'keystead-check',
  created: 'keystead-created',
  source: 'keystead-source',
} as const;

/** What was asked for, to compare the answer with. */
export interface Asked {
  readonly id: string;
  readonly length: number;
  readonly version?: number | undefined;
  readonly expect?: Uint8Array | undefined;
}

/** The data key of an answer in raw bytes. Takes its bytes; throws `bad-answer`. */
export function rawDataKey(headers: Headers, body: Uint8Array, asked: Asked): DataKey {
  return verified(SecretBytes.own(body), asked, () => {
    if (header(headers, HEADER.id) !== encodeURIComponent(asked.id)) throw otherId();
    const version = Number(header(headers, HEADER.version));
    const created = header(headers, HEADER.created);
    if (!Number.isSafeInteger(version) || !/^(true|false)$/.test(created)) throw noMetadata();
    return {
      version,
      created: created === 'true',
      source: header(headers, HEADER.source),
      check: fromBase64(header(headers, HEADER.check), 'bad-answer', `the header ${HEADER.check}`),
    };
  });
}

/** The data key of an answer in JSON, as the batch call gives it. Throws `bad-answer`. */
export function jsonDataKey(value: unknown, asked: Asked): DataKey {
  const fields = new Fields(value, 'the data key');
  return verified(SecretBytes.own(fields.bytes('dataKey')), asked, () => {
    if (fields.text('dataKeyId') !== asked.id) throw otherId();
    return {
      version: fields.count('version'),
      created: fields.flag('created'),
      source: fields.text('source'),
      check: fields.bytes('check'),
    };
  });
}

/** Trusts no answer: the key has the length that was asked for, and the check value is the key's own. */
function verified(key: SecretBytes, asked: Asked, metadata: () => Omit<DataKey, 'id' | 'key'>): DataKey {
  try {
    if (key.length !== asked.length) {
      const text = `the answer has a key of ${key.length} bytes where ${asked.length} were asked for`;
      throw new KeysteadError('bad-answer', text);
    }
    const rest = metadata();
    if (asked.version !== undefined && rest.version !== asked.version) {
      throw new KeysteadError(
        'bad-answer',
        `the answer has version ${rest.version} where ${asked.version} was asked for`,
      );
    }
    const own = checkValue(key);
    if (!same(own, rest.check)) {
      throw new KeysteadError('bad-answer', 'the key that arrived does not have the check value that came with it');
    }
    if (asked.expect !== undefined && !same(own, asked.expect)) {
      throw new KeysteadError('check-mismatch', 'the data key is not the expected one: its check value differs');
    }
    return { id: asked.id, ...rest, key };
  } catch (error) {
    key.dispose();
    throw error;
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function header(headers: Headers, name: string): string {
  const value = headers.get(name);
  if (value === null) throw noMetadata();
  return value;
}

/** A cache or a proxy in between may mix answers up. */
function otherId(): KeysteadError {
  return new KeysteadError('bad-answer', 'the service answered with the data key of another id');
}

function noMetadata(): KeysteadError {
  return new KeysteadError('bad-answer', 'the answer lacks the Keystead-… headers that describe its key');
}
