import type { Call } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import { JsonFields } from '../core/json-fields.ts';
import type { Stored, WrappedKeyStore } from '../core/store.ts';
import { parseStrictJson } from '../core/strict-json.ts';
import { within } from '../core/within.ts';
import { assertNoDataKey } from './own-record.ts';

/** The record that says when the store was last purged. No data key's record has this name: theirs are in a folder. */
export const PURGE_RECORD_NAME = 'keystead-purge.json';

const FORMAT = 1;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Deps {
  readonly store: WrappedKeyStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Purges whatever is over, of the whole store. */
  purge(call: Call): Promise<unknown>;
  /** A call of the service's own that ends with the signal. */
  ownCall(signal: AbortSignal): Call;
}

/**
 * Purges a store once a day, for as long as it is not closed.
 *
 * Promises: however many processes and replicas look after one store, about one of them a day walks over it, also where
 * none of them lives for a day; each looks once an hour or so, at times of its own, which costs one read; a purge ends
 * after an hour. One that fails, or is cut by the end of its process, is done on another day: nobody gets these keys
 * meanwhile.
 */
export function purgeDaily(deps: Deps): { close(): Promise<void> } {
  const ending = new AbortController();
  const ended = lookForEver(deps, ending.signal);
  return {
    async close() {
      ending.abort();
      await ended;
    },
  };
}

async function lookForEver(deps: Deps, ending: AbortSignal): Promise<void> {
  while (!ending.aborted) {
    // From half an hour on: replicas that were started together do not look together.
    const share = 0.5 + (deps.random.bytes(1)[0] ?? 0) / 256;
    try {
      await deps.clock.sleep(HOUR_MS * share, ending);
      await purgeIfDue(deps, deps.ownCall(AbortSignal.any([ending, AbortSignal.timeout(HOUR_MS)])));
    } catch {
      // Whatever it is, KMS and store are watched by others, who say so.
    }
  }
}

async function purgeIfDue(deps: Deps, call: Call): Promise<void> {
  const { store, clock } = deps;
  const found = await within(call, () => store.read(PURGE_RECORD_NAME, call));
  if (found !== undefined) assertNoDataKey(found, PURGE_RECORD_NAME);
  const last = found && lastOf(found);
  // A time far ahead is of a clock that was off.
  if (last !== undefined && Math.abs(clock.now().getTime() - last.getTime()) < DAY_MS) return;
  if (await isTaken(deps, found, call)) await deps.purge(call);
}

/** Says in the store that it is done now. False: somebody else was first. */
async function isTaken({ store, clock }: Deps, found: Stored | undefined, call: Call): Promise<boolean> {
  const bytes = Buffer.from(JSON.stringify({ keystead: FORMAT, purgedAt: clock.now().toISOString() }));
  try {
    if (found === undefined) return await within(call, () => store.create(PURGE_RECORD_NAME, bytes, call));
    await within(call, () => store.replace(PURGE_RECORD_NAME, bytes, found.etag, call));
    return true;
  } catch (error) {
    if (KeysteadError.from(error).reason === 'stale-etag') return false;
    throw error;
  }
}

/** Undefined for what is no such record: it is written anew. */
function lastOf({ bytes }: Stored): Date | undefined {
  const corrupt = (what: string) => new KeysteadError('record-corrupt', what);
  try {
    const fields = new JsonFields(parseStrictJson(bytes, 1, corrupt), '', corrupt);
    fields.integer('keystead', FORMAT, FORMAT);
    return fields.date('purgedAt');
  } catch {
    return undefined;
  }
}
