import { timingSafeEqual } from 'node:crypto';
import type { Call } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import { dataKeyContext } from '../core/context.ts';
import { checkValue } from '../core/derive.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Kek } from '../core/kek.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import type { WrappedKeyStore } from '../core/store.ts';
import { within } from '../core/within.ts';
import { MIN_CHECKED_LENGTH, type RecordVersion, type WrappedRecord, writeRecord } from '../core/wrapped-record.ts';
import type { DataKey, DataKeyInfo, DataKeys, GetDataKey } from './data-keys.ts';
import { type FoundRecord, KeyRecords } from './key-records.ts';

/** Milliseconds between the reads of a record that was created but is not there yet. */
const PATIENCE = [10, 30, 100, 300];

/** What stored data keys are made with; the owner closes them. */
export interface StoredDeps {
  readonly kek: Kek;
  readonly store: WrappedKeyStore;
  readonly random: Random;
  readonly clock: Clock;
}

/**
 * Random data keys, wrapped by the KEK and kept in a store.
 *
 * Promises what `DataKeys` does, between any number of processes, and whatever crashes between two steps, as long as
 * the store keeps its own promises: only the winner of one conditional write makes a key, everybody reads it back, and
 * it is unwrapped from what was read before anybody gets it.
 */
export function storedDataKeys(deps: StoredDeps): DataKeys {
  const records = new KeyRecords(deps.store);
  return {
    async get(request, call) {
      const found = await records.read(request.id, call);
      if (found !== undefined) return openExisting(deps.kek, found, request, call);
      // A version comes from an earlier answer, so its key was lost; a new one would not be the one that is asked for.
      if (request.create === 'never' || request.version !== undefined) throw noDataKey();
      return createKey(deps, records, request, call);
    },
    async describe(id, call) {
      const found = await records.read(id, call);
      if (found === undefined) throw noDataKey();
      return infoOf(found);
    },
    async list(prefix, from, limit, call) {
      const page = await records.list(prefix, from, limit, call);
      return { ...page, items: page.items.map(infoOf) };
    },
  };
}

async function createKey(deps: StoredDeps, records: KeyRecords, request: GetDataKey, call: Call): Promise<DataKey> {
  const { id, length } = request;
  const fresh = SecretBytes.own(deps.random.bytes(length));
  try {
    const bytes = writeRecord({ id, versions: [await firstVersion(deps, id, fresh, call)] });
    const created = await records.create(id, bytes, call);
    const found = await readBack(deps.clock, records, id, call);
    // The very bytes of ours, although "not created": a repeated request, whose first answer was lost.
    const ours = created || Buffer.compare(found.stored.bytes, bytes) === 0;
    if (!ours) return await openExisting(deps.kek, found, request, call);
    const key = await openVersion(deps.kek, id, versionOf(found.record, 1), call);
    if (key.equals(fresh)) return { id, version: 1, key, created: true, source: 'stored' };
    key.dispose();
    throw new KeysteadError(
      'store-inconsistent',
      `${deps.store.uri} said that it created the data key, and holds another; nothing was handed out`,
    );
  } finally {
    fresh.dispose();
  }
}

async function firstVersion(deps: StoredDeps, id: string, key: SecretBytes, call: Call): Promise<RecordVersion> {
  const wrapped = await within(call, () => deps.kek.wrap(key, dataKeyContext(id, 1, key.length), call));
  return {
    version: 1,
    wrapped,
    length: key.length,
    ...(key.length < MIN_CHECKED_LENGTH ? {} : { check: checkValue(key) }),
    createdAt: deps.clock.now(),
  };
}

/** There is a record; a store that lags may take a moment to show it. */
async function readBack(clock: Clock, records: KeyRecords, id: string, call: Call): Promise<FoundRecord> {
  for (const pause of [0, ...PATIENCE]) {
    if (pause > 0) await within(call, () => clock.sleep(pause, call.signal));
    const found = await records.read(id, call);
    if (found !== undefined) return found;
  }
  throw new KeysteadError('store-lagging', 'the store has the data key but does not show it yet; ask again', {
    retryAfter: 1,
  });
}

async function openExisting(kek: Kek, found: FoundRecord, request: GetDataKey, call: Call): Promise<DataKey> {
  const { id, length, create } = request;
  if (create === 'must') {
    throw new KeysteadError('data-key-exists', 'the data key exists already; ask with create "if-missing" to get it');
  }
  const version = request.version === undefined ? newestOf(found.record) : versionOf(found.record, request.version);
  if (version.length !== length) {
    throw new KeysteadError(
      'length-mismatch',
      `the data key is ${version.length} bytes long, ${length} were asked for; ask for ${version.length}`,
    );
  }
  const key = await openVersion(kek, id, version, call);
  return { id, version: version.version, key, created: false, source: 'stored' };
}

async function openVersion(kek: Kek, id: string, version: RecordVersion, call: Call): Promise<SecretBytes> {
  const context = dataKeyContext(id, version.version, version.length);
  const key = await within(
    call,
    () => kek.unwrap(version.wrapped, context, call),
    (late) => late.dispose(),
  );
  if (key.length === version.length && (!version.check || timingSafeEqual(version.check, checkValue(key)))) return key;
  key.dispose();
  throw new KeysteadError('record-corrupt', 'the wrapped data key opens, but is not the one that its record describes');
}

function newestOf(record: WrappedRecord): RecordVersion {
  return record.versions.at(-1) ?? record.versions[0];
}

function versionOf(record: WrappedRecord, wanted: number): RecordVersion {
  const version = record.versions.find(({ version }) => version === wanted);
  if (version !== undefined) return version;
  throw new KeysteadError(
    'no-version',
    `there is no version ${wanted}; the newest version is ${newestOf(record).version}`,
  );
}

function infoOf({ record, stored }: FoundRecord): DataKeyInfo {
  const { version, wrapped, length, createdAt } = newestOf(record);
  const { kek, version: kekVersion } = wrapped;
  return { id: record.id, version, source: 'stored', length, kek, kekVersion, createdAt, etag: stored.etag };
}

function noDataKey(): KeysteadError {
  return new KeysteadError('no-data-key', 'there is no such data key');
}
