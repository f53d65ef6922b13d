import { asUnavailable } from '../core/away.ts';
import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { within } from '../core/within.ts';
import type { DataKeyJobs, JobFailure, JobReport, JobRequest, KekUse } from './data-keys.ts';
import { purgeDataKey } from './deletion.ts';
import { openVersion } from './key-version.ts';
import { recordName } from './record-name.ts';
import { type FoundRecord, isBlob, type KeptRecord, keptAt, versionsOf } from './record-state.ts';
import { type KekVersion, newestKekVersion, rewrapRecord } from './rewrap.ts';
import { openStoredHouse, type StoredDeps, type StoredHouse } from './stored-house.ts';

const PAGE = 200;
const DEFAULT_CONCURRENCY = 8;
const MAX_FAILURES = 1000;

/** Walks over all data keys that are stored; the memory that they take does not grow with their number. */
export function storedDataKeyJobs(deps: StoredDeps): DataKeyJobs {
  const house = openStoredHouse(deps);
  const now = () => house.clock.now();
  return {
    async rewrapAll(request, call) {
      let newest: KekVersion | undefined;
      // Asked anew for every page, so that a rotation of the KEK in the middle of a walk counts from there on.
      const prepare = async () => {
        newest = await newestKekVersion(house, call);
      };
      const one = async ({ record }: FoundRecord) => {
        if (keptAt(record, now()) === undefined || newest === undefined) return false;
        return (await rewrapRecord(house, record.id, { newest }, call)).rewrapped > 0;
      };
      return walk(house, request, { prepare, one }, call);
    },
    verifyAll: (request, call) => walk(house, request, { one: (found) => verifyRecord(house, found, call) }, call),
    purgeAll: (request, call) =>
      walk(house, request, { one: ({ record }) => purgeDataKey(house, record.id, call) }, call),
    async census(request, call) {
      const uses = new Map<string, { -readonly [K in keyof KekUse]: KekUse[K] }>();
      const one = async ({ record }: FoundRecord) => {
        const kept = keptAt(record, now());
        if (kept !== undefined) count(kept, uses);
        return false;
      };
      const report = await walk(house, request, { one }, call);
      return { ...report, keks: [...uses.values()] };
    },
  };
}

async function verifyRecord(house: StoredHouse, { record }: FoundRecord, call: Call): Promise<boolean> {
  const kept = keptAt(record, house.clock.now());
  for (const version of kept === undefined ? [] : versionsOf(kept)) {
    try {
      (await openVersion(house.kek, record.id, version, call)).dispose();
    } catch (error) {
      const { reason, message, retryable } = KeysteadError.from(error);
      if (retryable) throw error;
      throw new KeysteadError(reason, `version ${version.version}: ${message}`, { cause: error });
    }
  }
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

/** What a walk does. */
interface Work {
  /** Before each page; its failure ends the walk. */
  prepare?(): Promise<void>;
  /** With each record; true: it was changed. Its failure is noted, or ends the walk where it may pass. */
  one(found: FoundRecord): Promise<boolean>;
}

async function walk(house: StoredHouse, request: JobRequest, work: Work, call: Call): Promise<JobReport> {
  const tally = { done: 0, changed: 0, failed: 0 };
  const failures: JobFailure[] = [];
  const visit = async (name: string): Promise<void> => {
    let id: string | undefined;
    try {
      const found = await house.records.load(name, call);
      if (found === undefined) return; // deleted meanwhile
      id = found.record.id;
      if (!isBlob(found.record) && recordName(id) !== name) {
        throw new KeysteadError('context-mismatch', `the record ${name} belongs to another data key`);
      }
      if (await work.one(found)) tally.changed++;
    } catch (error) {
      if (call.signal.aborted) throw error; // not the record's fault
      const { reason, message, retryable } = KeysteadError.from(error);
      if (retryable) throw asUnavailable(error); // nor this: noted, it would be passed over by whoever goes on
      tally.failed++;
      if (failures.length < MAX_FAILURES) failures.push({ name, reason, message, ...(id === undefined ? {} : { id }) });
    }
    tally.done++;
  };
  let { from: next, limit: left = Number.POSITIVE_INFINITY } = request;
  do {
    await work.prepare?.();
    const page = await within(call, () => house.records.names('', next, Math.min(PAGE, left), call));
    left -= page.items.length;
    await eachOf(page.items, request.concurrency ?? DEFAULT_CONCURRENCY, visit);
    next = page.next;
    request.onProgress?.(next === undefined ? { ...tally } : { ...tally, next });
  } while (next !== undefined && left > 0);
  return { ...tally, failures, ...(next === undefined ? {} : { next }) };
}

/** At most so many at once, and no more once one has thrown. Throws, when all have ended, what a visit has thrown. */
async function eachOf<T>(items: readonly T[], atOnce: number, visit: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items].reverse();
  const lane = async () => {
    try {
      for (let item = rest.pop(); item !== undefined; item = rest.pop()) await visit(item);
    } catch (error) {
      rest.length = 0;
      throw error;
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  for (const end of lanes) if (end.status === 'rejected') throw end.reason;
}
