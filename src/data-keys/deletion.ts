import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { WrappedRecord } from '../core/wrapped-record.ts';
import { changeRecord } from './change-record.ts';
import type { DataKeyInfo, DeletedDataKey } from './data-keys.ts';
import { FreshVersions } from './fresh-versions.ts';
import { assertKept, infoOf, isBlob, isGone, type KeyRecord, lastVersionOf, purgeAtOf } from './record-state.ts';
import type { StoredHouse } from './stored-house.ts';

/** `delete` of one data key; of one that is deleted already it says again until when it can be restored. */
export async function deleteDataKey(
  house: StoredHouse,
  id: string,
  etag: string | undefined,
  call: Call,
): Promise<DeletedDataKey> {
  if (etag === undefined) {
    throw new KeysteadError(
      'precondition',
      'say which state of the data key to delete: give the etag that describe told, over HTTP in If-Match',
    );
  }
  return changeRecord(house, id, call, async (found) => {
    const now = house.clock.now();
    const { record, stored } = assertKept(id, found, now);
    if (stored.etag !== etag) {
      throw new KeysteadError('stale-etag', 'the data key has changed since it was described; describe it again');
    }
    const since = purgeAtOf(record);
    if (since !== undefined) return { unchanged: deleted(id, since, etag) };
    const purgeAt = new Date(now.getTime() + house.restorableMs);
    const fresh = new FreshVersions(house, id);
    return {
      record: { ...(isBlob(record) ? { id } : record), versions: await fresh.allOf(record, call), purgeAt },
      shownIn: (other) =>
        isPast(other, lastVersionOf(record)) || ('purgeAt' in other && isSame(other.purgeAt, purgeAt)),
      async answer(back) {
        if ('versions' in back.record) await fresh.verify(back.record, call);
        return deleted(id, purgeAt, back.stored.etag);
      },
      dispose: () => fresh.dispose(),
    };
  });
}

function deleted(id: string, purgeAt: Date, etag: string): DeletedDataKey {
  return { id, state: 'pending-deletion', purgeAt, etag };
}

/** `restore` of one data key; changes nothing of one that is not deleted. */
export function restoreDataKey(house: StoredHouse, id: string, call: Call): Promise<DataKeyInfo> {
  return changeRecord(house, id, call, async (found) => {
    const now = house.clock.now();
    const kept = assertKept(id, found, now);
    const { record } = kept;
    if (isBlob(record) || record.purgeAt === undefined) return { unchanged: infoOf(kept) };
    const restored = restoredRecord(record, now);
    return {
      record: restored,
      shownIn: (other) => restoredAtOf(other) >= restoredAtOf(restored),
      answer: async (back) => infoOf(assertKept(id, back, house.clock.now())),
    };
  });
}

/** Later than the last time, also on a clock that stands still: see `restoredAt`. */
function restoredRecord({ id, versions, restoredAt }: WrappedRecord, now: Date): WrappedRecord {
  const after = restoredAt === undefined ? 0 : restoredAt.getTime() + 1;
  return { id, versions, restoredAt: new Date(Math.max(now.getTime(), after)) };
}

function restoredAtOf(record: KeyRecord): number {
  return 'restoredAt' in record ? (record.restoredAt?.getTime() ?? 0) : 0;
}

/**
 * Takes the wrapped keys out of a record whose time to be restored is over by every clock, and leaves the number that
 * no later version may use. False: there was nothing to purge.
 */
export function purgeDataKey(house: StoredHouse, id: string, call: Call): Promise<boolean> {
  return changeRecord(house, id, call, async (found) => {
    const now = house.clock.now();
    if (found === undefined || !('versions' in found.record) || !isGone(found.record, now)) return { unchanged: false };
    await house.records.removeBlob(id, call);
    const lastVersion = lastVersionOf(found.record);
    return {
      record: { id, lastVersion, purgedAt: now },
      shownIn: (other) => isPast(other, lastVersion),
      answer: async () => true,
    };
  });
}

/** Whether a record is from after the purge of that version, by whomever. */
function isPast(record: KeyRecord, lastVersion: number): boolean {
  return 'lastVersion' in record || lastVersionOf(record) > lastVersion;
}

function isSame(one: Date | undefined, other: Date): boolean {
  return one?.getTime() === other.getTime();
}
