import type { Call } from './call.ts';
import type { Clock } from './clock.ts';
import { KeysteadError } from './errors.ts';
import type { Passage, UpstreamOperation } from './passage.ts';
import { upstream } from './upstream.ts';
import { within } from './within.ts';

/** How a door does, in words for anybody. */
export interface DoorReport {
  readonly name: 'kms' | 'storage';
  /** Credentials removed. */
  readonly uri: string;
  /** What the last check said. */
  readonly state: 'ready' | 'failing';
  /** What the state or the last error is about: a check, or a call of a request that failed. */
  readonly operation: UpstreamOperation;
  /** In plain words. */
  readonly lastError?: string;
  readonly lastErrorAt?: Date;
  /** Of the last check. */
  readonly latencyMs: number;
  readonly checkedAt: Date;
  /** Since when the state is what it is. */
  readonly since: Date;
}

/** A door under watch. */
export interface WatchedDoor {
  /** Checks it unless that was done a moment ago. @returns the report, and the failure where it fails. */
  look(call: Call): Promise<{ readonly report: DoorReport; readonly failure?: KeysteadError }>;
  /** What the door's calls go through, so that a report can tell of those that failed. */
  readonly passage: Passage;
}

export interface WatchSettings {
  readonly name: DoorReport['name'];
  readonly uri: string;
  check(call: Call): Promise<void>;
  readonly clock: Clock;
  /** Milliseconds that one check speaks for; 0 for a door that costs nothing to check. */
  readonly freshMs?: number;
  /** Milliseconds that one check may take. */
  readonly timeoutMs?: number;
}

/** Often enough to notice, seldom enough for a KMS that takes money for each call. */
const FRESH_MS = 5000;
/** Below the patience of who probes readiness. */
const CHECK_MS = 3000;

interface Failed {
  readonly operation: UpstreamOperation;
  readonly error: KeysteadError;
  readonly at: Date;
}

interface Checked {
  readonly failing: Failed | undefined;
  readonly latencyMs: number;
  readonly at: Date;
}

/**
 * Watches over one door, for readiness.
 *
 * Promises: however many ask, there is one check at a time, and one in `freshMs` at most; a check ends after
 * `timeoutMs`, whoever waits for it; nobody waits longer than the own call lives.
 */
export function watchDoor({ freshMs = FRESH_MS, timeoutMs = CHECK_MS, ...door }: WatchSettings): WatchedDoor {
  let last: Checked | undefined;
  let since = new Date(0);
  let failed: Failed | undefined;
  let checking: Promise<Checked> | undefined;

  const check = async (traceId: string): Promise<Checked> => {
    const begun = door.clock.now();
    const error = await failureOf(door, timeoutMs, traceId);
    const at = door.clock.now();
    const failing = error === undefined ? undefined : { operation: 'check' as const, error, at };
    if (error?.reason !== 'sealed') failed = failing ?? failed; // to be sealed is no error to remember
    if (last === undefined || (last.failing === undefined) !== (error === undefined)) since = at;
    last = { failing, latencyMs: Math.max(0, at.getTime() - begun.getTime()), at };
    return last;
  };
  const freshOne = (): Checked | undefined => {
    const age = last === undefined ? freshMs : door.clock.now().getTime() - last.at.getTime();
    return age >= 0 && age < freshMs ? last : undefined;
  };
  return {
    async look(call) {
      let checked = freshOne();
      if (checked === undefined) {
        checking ??= check(call.traceId).finally(() => {
          checking = undefined;
        });
        const waited = checking;
        checked = await within(call, () => waited);
      }
      const { failing, latencyMs, at } = checked;
      const shown = failing ?? failed;
      const report = {
        name: door.name,
        uri: door.uri,
        state: failing === undefined ? ('ready' as const) : ('failing' as const),
        operation: shown?.operation ?? 'check',
        ...(shown === undefined ? {} : { lastError: shown.error.message, lastErrorAt: shown.at }),
        latencyMs,
        checkedAt: at,
        since,
      };
      return failing === undefined ? { report } : { report, failure: failing.error };
    },
    async passage({ operation, work }) {
      try {
        return await work();
      } catch (error) {
        const failure = KeysteadError.from(error);
        if (isOfDoor(failure)) failed = { operation, error: failure, at: door.clock.now() };
        throw error;
      }
    },
  };
}

async function failureOf(
  door: Pick<WatchSettings, 'name' | 'uri' | 'check'>,
  timeoutMs: number,
  traceId: string,
): Promise<KeysteadError | undefined> {
  const call: Call = {
    principal: { kind: 'local', name: 'keystead', groups: [] },
    signal: new AbortController().signal, // the check is for all who ask, so no caller's end ends it
    traceId,
    listener: 'internal',
  };
  const timedOut = () =>
    new KeysteadError(
      door.name === 'kms' ? 'kms-timeout' : 'store-timeout',
      `${door.uri} did not answer a check in ${timeoutMs} ms`,
    );
  try {
    await upstream(call, { timeoutMs, timedOut, run: (signal) => door.check({ ...call, signal }) });
    return undefined;
  } catch (error) {
    return KeysteadError.from(error);
  }
}

/** Not what a caller's end, a lost race or a damaged record brings about. */
function isOfDoor({ code, reason }: KeysteadError): boolean {
  if (reason === 'timeout' || reason === 'record-corrupt' || reason === 'context-mismatch') return false;
  return code !== 'canceled' && code !== 'aborted';
}
