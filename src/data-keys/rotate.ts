import type { Call } from '../core/call.ts';
import { changeRecord } from './change-record.ts';
import type { DataKeyInfo } from './data-keys.ts';
import { FreshVersions } from './fresh-versions.ts';
import { assertActive, assertKept, infoOf, isBlob, lastVersionOf, newestOf, versionOf } from './record-state.ts';
import type { StoredHouse } from './stored-house.ts';

/** Adds a version, of the newest one's length. Two at once add two. */
export function rotateDataKey(house: StoredHouse, id: string, call: Call): Promise<DataKeyInfo> {
  const { clock } = house;
  return changeRecord(house, id, call, async (found) => {
    const { record } = assertKept(id, found, clock.now());
    assertActive(record);
    const fresh = new FreshVersions(house, id);
    try {
      const old = await fresh.allOf(record, call);
      const number = lastVersionOf(record) + 1;
      const added = await fresh.make(number, newestOf(record).length, call);
      return {
        record: { ...(isBlob(record) ? { id } : record), versions: [...old, added] },
        shownIn: (other) => !isBlob(other) && lastVersionOf(other) >= number,
        async answer(back) {
          const kept = assertKept(id, back, clock.now());
          await fresh.verify(kept.record, call);
          return infoOf(kept, versionOf(kept.record, number));
        },
        dispose: () => fresh.dispose(),
      };
    } catch (error) {
      fresh.dispose();
      throw error;
    }
  });
}
