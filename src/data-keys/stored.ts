import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { type Change, changeRecord } from './change-record.ts';
import type { DataKey, DataKeys, GetDataKey } from './data-keys.ts';
import { deleteDataKey, restoreDataKey } from './deletion.ts';
import { FreshVersions } from './fresh-versions.ts';
import { openVersion } from './key-version.ts';
import {
  assertActive,
  assertGone,
  assertKept,
  type FoundRecord,
  infoOf,
  isBlob,
  type KeptRecord,
  keptAt,
  lastVersionOf,
  newestOf,
  noDataKey,
  versionOf,
} from './record-state.ts';
import { rewrapDataKey } from './rewrap.ts';
import { rotateDataKey } from './rotate.ts';
import { openStoredHouse, type StoredDeps, type StoredHouse } from './stored-house.ts';

/**
 * Random data keys, wrapped by the KEK and kept in a store.
 *
 * Promises what `DataKeys` does, between any number of processes, and whatever crashes between two steps, as long as
 * the store keeps its own promises: only the winner of one conditional write makes a key, everybody reads it back, and
 * it is unwrapped from what was read before anybody gets it (docs/explanation/no-lost-key.md).
 */
export function storedDataKeys(deps: StoredDeps): DataKeys {
  const house = openStoredHouse(deps);
  const { records, clock } = house;
  return {
    get: (request, call) => getDataKey(house, request, call),
    async describe(id, call) {
      return infoOf(assertKept(id, await records.read(id, call), clock.now()));
    },
    async list(prefix, from, limit, call) {
      const now = clock.now();
      const { failures, ...found } = await records.list(
        prefix,
        from,
        limit,
        (record) => keptAt(record, now) !== undefined,
        call,
      );
      const items = found.items.map((one) => infoOf(assertKept(one.record.id, one, now)));
      return { ...found, items, ...(failures.length === 0 ? {} : { failures }) };
    },
    rotate: (id, call) => rotateDataKey(house, id, call),
    rewrap: (id, call) => rewrapDataKey(house, id, call),
    delete: (id, etag, call) => deleteDataKey(house, id, etag, call),
    restore: (id, call) => restoreDataKey(house, id, call),
  };
}

function getDataKey(house: StoredHouse, request: GetDataKey, call: Call): Promise<DataKey> {
  const plan = async (found: FoundRecord | undefined) => {
    const record = found && keptAt(found.record, house.clock.now());
    if (record !== undefined) return { unchanged: await openExisting(house, record, request, call) };
    // A version comes from an earlier answer, so its key was lost or purged; a new one would be another.
    if (request.create === 'never' || request.version !== undefined) throw noDataKey(request.id);
    return firstOrNextVersion(house, found, request, call);
  };
  return changeRecord(house, request.id, call, plan, { looks: !isSaidToBeNew(house, request) });
}

/**
 * Whether a get may go without a look (docs/decisions/0007-what-a-first-call-costs.md). No condition watches over a
 * record of Constellation, which lies under another name.
 */
function isSaidToBeNew({ constellation }: StoredHouse, { create, version }: GetDataKey): boolean {
  return create === 'must' && version === undefined && !constellation;
}

async function openExisting(house: StoredHouse, record: KeptRecord, request: GetDataKey, call: Call): Promise<DataKey> {
  assertActive(record);
  const { id, length, create } = request;
  if (create === 'must') {
    throw new KeysteadError('data-key-exists', 'the data key exists already; ask with create "if-missing" to get it');
  }
  const version = request.version === undefined ? newestOf(record) : versionOf(record, request.version);
  if (version.length !== length) {
    throw new KeysteadError(
      'length-mismatch',
      `the data key is ${version.length} bytes long, ${length} were asked for; ask for ${version.length}`,
    );
  }
  const key = await openVersion(house.kek, id, version, call);
  return { id, version: version.version, key, created: false, source: 'stored' };
}

/** A key where there is none: the first version, or the one behind the last that was purged. */
async function firstOrNextVersion(
  house: StoredHouse,
  found: FoundRecord | undefined,
  { id, length }: GetDataKey,
  call: Call,
): Promise<Change<DataKey>> {
  if (found !== undefined) assertGone(found.record, house.clock.now());
  const number = found === undefined ? 1 : lastVersionOf(found.record) + 1;
  // What was purged must not come back, should the record of Constellation be all that is left one day.
  if (found !== undefined) await house.records.removeBlob(id, call);
  const fresh = new FreshVersions(house, id);
  const version = await fresh.make(number, length, call);
  return {
    record: { id, versions: [version] },
    shownIn: (record) => !isBlob(record) && lastVersionOf(record) >= number,
    async answer(back) {
      const { record } = assertKept(id, back, house.clock.now());
      await fresh.verify(record, call);
      assertActive(record);
      return { id, version: number, key: fresh.keyOf(number), created: true, source: 'stored' };
    },
    dispose: () => fresh.dispose(),
  };
}
