import { asUnavailable } from '../core/away.ts';
import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { within } from '../core/within.ts';
import type { JobFailure, JobReport, JobRequest } from './data-keys.ts';
import { assertNamed } from './key-records.ts';
import type { FoundRecord } from './record-state.ts';
import { openStoredHouse, type StoredDeps, type StoredHouse } from './stored-house.ts';
import { WalkPatience } from './walk-patience.ts';

const PAGE = 200;
const DEFAULT_CONCURRENCY = 8;
const MAX_FAILURES = 1000;

/** What a walk does, in a house of its own. */
export interface Work {
  /** Before each page; its failure ends the walk. */
  prepare?(house: StoredHouse): Promise<void>;
  /** With each record; true: it was changed. */
  one(house: StoredHouse, found: FoundRecord): Promise<boolean>;
}

/**
 * Goes over the records of all data keys, page by page.
 *
 * Promises what `DataKeyJobs` does: a record's failure is noted and the walk goes on; where the store or the current KEK
 * is away, it ends with `unavailable`.
 */
export async function walk(deps: StoredDeps, request: JobRequest, work: Work, call: Call): Promise<JobReport> {
  const patience = new WalkPatience(deps);
  const house = openStoredHouse({ ...deps, kek: patience.kek });
  try {
    return await pages(house, patience, request, work, call);
  } catch (error) {
    throw asUnavailable(error);
  }
}

async function pages(
  house: StoredHouse,
  patience: WalkPatience,
  request: JobRequest,
  work: Work,
  call: Call,
): Promise<JobReport> {
  const tally = { done: 0, changed: 0, failed: 0 };
  const failures: JobFailure[] = [];
  const visit = async (name: string): Promise<void> => {
    let id: string | undefined;
    try {
      const found = await house.records.load(name, call);
      if (found === undefined) return; // deleted meanwhile
      id = found.record.id;
      assertNamed(found.record, name);
      if (await work.one(house, found)) tally.changed++;
      patience.renew();
    } catch (error) {
      if (call.signal.aborted) throw error; // not the record's fault
      await patience.bear(error, call);
      const { reason, message, retryable } = KeysteadError.from(asUnavailable(error));
      tally.failed++;
      if (failures.length < MAX_FAILURES) {
        failures.push({ name, reason, message, retryable, ...(id === undefined ? {} : { id }) });
      }
    }
    tally.done++;
  };
  let { from: next, limit: left = Number.POSITIVE_INFINITY } = request;
  do {
    await work.prepare?.(house);
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
