import type { Clock, Random } from '../core/clock.ts';
import type { Kek } from '../core/kek.ts';
import type { WrappedKeyStore } from '../core/store.ts';
import { KeyRecords } from './key-records.ts';

/** What stored data keys are made with; the owner closes them. */
export interface StoredDeps {
  readonly kek: Kek;
  readonly store: WrappedKeyStore;
  readonly random: Random;
  readonly clock: Clock;
  /** Milliseconds in which a deleted data key can be restored; 30 days when absent. */
  readonly restorableMs?: number;
  /** Whether records of Constellation are looked for where there is none of ours; costs a read for every id that is new. */
  readonly constellation?: boolean;
}

/** The same, complete, and the records in the store. */
export interface StoredHouse extends Required<StoredDeps> {
  readonly records: KeyRecords;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const DEFAULT_RESTORABLE_MS = 30 * DAY_MS;

export function openStoredHouse(deps: StoredDeps): StoredHouse {
  const constellation = deps.constellation ?? false;
  return {
    ...deps,
    restorableMs: deps.restorableMs ?? DEFAULT_RESTORABLE_MS,
    constellation,
    records: new KeyRecords(deps.store, { constellation }),
  };
}
