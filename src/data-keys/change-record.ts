import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { within } from '../core/within.ts';
import { type StoredRecord, writeRecord } from '../core/wrapped-record.ts';
import type { FoundRecord, KeyRecord } from './record-state.ts';
import type { StoredHouse } from './stored-house.ts';

/** Milliseconds between the reads of a record that was written but does not show yet. */
const PATIENCE = [10, 30, 100, 300];
/** Times that somebody else may be faster before we give up. */
const ROUNDS = 5;

/** What to write, and how to go on when it is written. */
export interface Change<T> {
  readonly record: StoredRecord;
  /** Whether such a record is from after this change; a store that lags may show older ones for a while. */
  shownIn(record: KeyRecord): boolean;
  /** The answer, given the record as it was read back. */
  answer(back: FoundRecord): Promise<T>;
  /** Wipes what the change was made with. Always called. */
  dispose?(): void;
}

/** Nothing is to be written. */
export interface NoChange<T> {
  readonly unchanged: T;
}

/**
 * Changes a data key's record by one conditional write over what `plan` has seen, and reads it back. Where somebody else
 * was faster, `plan` is asked again with what is there then; after five rounds, `concurrent-write`.
 *
 * Where it does not look, the first plan is for no record: the condition of the write finds out, and a record that is there
 * after all is somebody who was faster.
 *
 * Promises: whatever crashes or is lost, the record is that of before or that of after; what was repeated underneath, so
 * that its second answer says "not ours", is known by its bytes.
 */
export async function changeRecord<T>(
  house: StoredHouse,
  id: string,
  call: Call,
  plan: (found: FoundRecord | undefined) => Promise<Change<T> | NoChange<T>>,
  { looks = true }: { readonly looks?: boolean } = {},
): Promise<T> {
  let found = looks ? await house.records.read(id, call) : undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const change = await plan(found);
    if ('unchanged' in change) return change.unchanged;
    try {
      const bytes = writeRecord(change.record);
      const written = await house.records.write(id, found, bytes, call);
      const before = found?.stored.etag;
      const shown = written
        ? (other: FoundRecord) => change.shownIn(other.record)
        : (other: FoundRecord) => other.stored.etag !== before;
      const back = await readBack(house, id, shown, call);
      if (written || Buffer.compare(back.stored.bytes, bytes) === 0) return await change.answer(back);
      found = back;
    } finally {
      change.dispose?.();
    }
  }
  throw new KeysteadError('concurrent-write', 'others keep changing the data key; try again', { retryAfter: 1 });
}

async function readBack(
  { records, clock }: StoredHouse,
  id: string,
  shown: (found: FoundRecord) => boolean,
  call: Call,
): Promise<FoundRecord> {
  for (const pause of [0, ...PATIENCE]) {
    if (pause > 0) await within(call, () => clock.sleep(pause, call.signal));
    const found = await records.read(id, call);
    if (found !== undefined && shown(found)) return found;
  }
  throw new KeysteadError('store-lagging', 'the store does not show yet what was written to it; ask again', {
    retryAfter: 1,
  });
}
