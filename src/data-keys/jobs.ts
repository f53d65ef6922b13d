import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { DataKeyJobs, KekUse } from './data-keys.ts';
import { purgeDataKey } from './deletion.ts';
import { openVersion } from './key-version.ts';
import { type FoundRecord, type KeptRecord, keptAt, versionsOf } from './record-state.ts';
import { type KekVersion, newestKekVersion, rewrapRecord } from './rewrap.ts';
import type { StoredDeps, StoredHouse } from './stored-house.ts';
import { walk } from './walk.ts';

/** Walks over all data keys that are stored; the memory that they take does not grow with their number. */
export function storedDataKeyJobs(deps: StoredDeps): DataKeyJobs {
  const now = () => deps.clock.now();
  return {
    async rewrapAll(request, call) {
      let newest: KekVersion | undefined;
      // Asked anew for every page, so that a rotation of the KEK in the middle of a walk counts from there on.
      const prepare = async (house: StoredHouse) => {
        newest = await newestKekVersion(house, call);
      };
      const one = async (house: StoredHouse, { record }: FoundRecord) => {
        if (keptAt(record, now()) === undefined || newest === undefined) return false;
        return (await rewrapRecord(house, record.id, { newest }, call)).rewrapped > 0;
      };
      return walk(deps, request, { prepare, one }, call);
    },
    verifyAll: (request, call) =>
      walk(deps, request, { one: (house, found) => verifyRecord(house, found, call) }, call),
    purgeAll: (request, call) =>
      walk(deps, request, { one: (house, { record }) => purgeDataKey(house, record.id, call) }, call),
    async census(request, call) {
      const uses = new Map<string, { -readonly [K in keyof KekUse]: KekUse[K] }>();
      const one = async (_house: StoredHouse, { record }: FoundRecord) => {
        const kept = keptAt(record, now());
        if (kept !== undefined) count(kept, uses);
        return false;
      };
      const report = await walk(deps, request, { one }, call);
      return { ...report, keks: [...uses.values()] };
    },
  };
}

/** Throws for the first version that does not open; one that could not be asked about now comes behind those that could. */
async function verifyRecord(house: StoredHouse, { record }: FoundRecord, call: Call): Promise<boolean> {
  const kept = keptAt(record, house.clock.now());
  const away = new Map<string, unknown>();
  for (const version of kept === undefined ? [] : versionsOf(kept)) {
    const { kek } = version.wrapped;
    if (away.has(kek)) continue;
    try {
      (await openVersion(house.kek, record.id, version, call)).dispose();
    } catch (error) {
      const { reason, message, retryable } = KeysteadError.from(error);
      if (call.signal.aborted) throw error;
      if (retryable) away.set(kek, error);
      else throw new KeysteadError(reason, `version ${version.version}: ${message}`, { cause: error });
    }
  }
  for (const error of away.values()) throw error;
  return false;
}

function count(record: KeptRecord, uses: Map<string, { -readonly [K in keyof KekUse]: KekUse[K] }>): void {
  const seen = new Set<string>();
  for (const { wrapped } of versionsOf(record)) {
    const { kek, version: kekVersion } = wrapped;
    const name = JSON.stringify([kek, kekVersion]);
    const use = uses.get(name) ?? { kek, kekVersion, records: 0, versions: 0 };
    uses.set(name, use);
    use.versions++;
    if (!seen.has(name)) use.records++;
    seen.add(name);
  }
}
