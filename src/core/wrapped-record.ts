import { MAX_ID_LENGTH } from './data-key-id.ts';
import { CHECK_LENGTH, MAX_KEY_LENGTH } from './derive.ts';
import { toBase64 } from './encoding.ts';
import { KeysteadError } from './errors.ts';
import { JsonFields, type Refuse } from './json-fields.ts';
import type { WrappedKey } from './kek.ts';
import { parseStrictJson } from './strict-json.ts';

/** One version of a data key, wrapped. */
export interface RecordVersion {
  /** From 1 on, ascending within a record. */
  readonly version: number;
  readonly wrapped: WrappedKey;
  /** Bytes of the data key. */
  readonly length: number;
  /** The check value; never there for a key shorter than 16 bytes, which it would help to guess. */
  readonly check?: Uint8Array;
  readonly createdAt: Date;
}

/** All versions of one data key: one record, so that any change is one conditional write. */
export interface WrappedRecord {
  readonly id: string;
  /** At least one; the newest is the last. */
  readonly versions: readonly [RecordVersion, ...RecordVersion[]];
  /** There while the data key is deleted and can be restored: when that ends. */
  readonly purgeAt?: Date;
  /**
   * When it was last restored. Without it a restored record would have the very bytes, hence in some stores the etag, of
   * the one that was deleted, and a repeated request to delete could hit it.
   */
  readonly restoredAt?: Date;
}

/** What is left of a data key that was purged: the number that no later version may use again. */
export interface Tombstone {
  readonly id: string;
  readonly lastVersion: number;
  readonly purgedAt: Date;
}

export type StoredRecord = WrappedRecord | Tombstone;

export function isTombstone(record: StoredRecord): record is Tombstone {
  return 'lastVersion' in record;
}

/** Bytes of a record. */
export const MAX_RECORD_LENGTH = 1_000_000;
/** Bytes of the shortest key that has a check value in its record. */
export const MIN_CHECKED_LENGTH = 16;

const FORMAT = 1;
/** Levels: the record, the list of versions, a version. */
const MAX_DEPTH = 3;

/** Writes the record in its newest form, format 1 (docs/formats/wrapped-record.md). */
export function writeRecord(record: StoredRecord): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(isTombstone(record) ? tombstoneJson(record) : recordJson(record)));
  if (bytes.length > MAX_RECORD_LENGTH) {
    throw new KeysteadError(
      'store-full',
      `the record would be ${bytes.length} bytes long, ${MAX_RECORD_LENGTH} at most`,
    );
  }
  return bytes;
}

function recordJson({ id, versions, purgeAt, restoredAt }: WrappedRecord): object {
  return {
    keystead: FORMAT,
    id,
    versions: versions.map(versionJson),
    ...(purgeAt === undefined ? {} : { purgeAt: purgeAt.toISOString() }),
    ...(restoredAt === undefined ? {} : { restoredAt: restoredAt.toISOString() }),
  };
}

function tombstoneJson({ id, lastVersion, purgedAt }: Tombstone): object {
  return { keystead: FORMAT, id, versions: [], lastVersion, purgedAt: purgedAt.toISOString() };
}

function versionJson({ version, wrapped, length, check, createdAt }: RecordVersion): object {
  return {
    version,
    kek: wrapped.kek,
    kekVersion: wrapped.version,
    algorithm: wrapped.algorithm,
    length,
    wrapped: toBase64(wrapped.bytes),
    ...(check === undefined ? {} : { check: toBase64(check) }),
    createdAt: createdAt.toISOString(),
  };
}

/**
 * Reads a record of any format that ever was. Strict: whatever is not exactly such a record is `record-corrupt`, with
 * what is wrong and where, never what is in it.
 *
 * @param name the record's name in its store, for the error.
 */
export function readRecord(bytes: Uint8Array, name: string): StoredRecord {
  const corrupt = (what: string) => new KeysteadError('record-corrupt', `the record ${name} is damaged: it ${what}`);
  if (bytes.length > MAX_RECORD_LENGTH) throw corrupt(`is ${bytes.length} bytes long, ${MAX_RECORD_LENGTH} at most`);
  const value = parseStrictJson(bytes, MAX_DEPTH, corrupt);
  const fields = new JsonFields(value, '', corrupt);
  const format = fields.integer('keystead', 1, Number.MAX_SAFE_INTEGER);
  if (format !== FORMAT) {
    throw new KeysteadError(
      'record-corrupt',
      `the record ${name} has format ${format}, and this version of Keystead reads format ${FORMAT}; use a newer one`,
    );
  }
  const id = fields.text('id', MAX_ID_LENGTH);
  const items = fields.list('versions');
  return items.length === 0 ? readTombstone(fields, id, corrupt) : readVersions(fields, id, items, corrupt);
}

function readTombstone(fields: JsonFields, id: string, corrupt: Refuse): Tombstone {
  if (!fields.has('lastVersion')) throw corrupt('has no versions, and does not say which it had');
  fields.assertOnly(['keystead', 'id', 'versions', 'lastVersion', 'purgedAt']);
  const lastVersion = fields.integer('lastVersion', 1, Number.MAX_SAFE_INTEGER);
  return { id, lastVersion, purgedAt: fields.date('purgedAt') };
}

function readVersions(fields: JsonFields, id: string, items: readonly unknown[], corrupt: Refuse): WrappedRecord {
  const times = (['purgeAt', 'restoredAt'] as const).filter((name) => fields.has(name));
  fields.assertOnly(['keystead', 'id', 'versions', ...times]);
  const [first, ...rest] = items.map((item, index) => readVersion(item, index, corrupt));
  if (first === undefined) throw corrupt('has no versions');
  const versions = [first, ...rest] as const;
  versions.forEach(({ version }, index) => {
    if (version <= (versions[index - 1]?.version ?? 0)) throw corrupt(`has its versions out of order`);
  });
  return { id, versions, ...Object.fromEntries(times.map((name) => [name, fields.date(name)])) };
}

function readVersion(value: unknown, index: number, corrupt: Refuse): RecordVersion {
  const fields = new JsonFields(value, `versions[${index}].`, corrupt);
  const hasCheck = fields.has('check');
  const names = ['version', 'kek', 'kekVersion', 'algorithm', 'length', 'wrapped', 'createdAt'];
  fields.assertOnly(hasCheck ? [...names, 'check'] : names);
  const length = fields.integer('length', 1, MAX_KEY_LENGTH);
  const check = hasCheck ? fields.base64('check') : undefined;
  if (check !== undefined && (check.length !== CHECK_LENGTH || length < MIN_CHECKED_LENGTH)) {
    throw corrupt(`has a check value of the wrong length, or for too short a key, in versions[${index}].check`);
  }
  return {
    version: fields.integer('version', 1, Number.MAX_SAFE_INTEGER),
    wrapped: {
      kek: fields.text('kek', 4096),
      version: fields.text('kekVersion', 4096),
      algorithm: fields.text('algorithm', 256),
      bytes: fields.base64('wrapped'),
    },
    length,
    ...(check === undefined ? {} : { check }),
    createdAt: fields.date('createdAt'),
  };
}
