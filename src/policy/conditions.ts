import type { Listener } from '../core/call.ts';
import type { PolicyRequest } from '../core/policy.ts';
import { filled, matches, type Pattern } from './pattern.ts';
import { DAYS } from './schema.ts';

/** A time window; all that is given must hold. */
export interface Window {
  /** Days of the week, 0 is Sunday. */
  readonly days?: ReadonlySet<number>;
  /** Minutes of the day, the second one excluded; over midnight where the first one is later. */
  readonly hours?: readonly [number, number];
  /** Milliseconds since 1970. */
  readonly notBefore?: number;
  readonly notAfter?: number;
}

/** Under which circumstances a rule applies; all that is given must hold. */
export interface Conditions {
  readonly maxLength?: number;
  readonly context?: readonly (readonly [name: string, value: Pattern])[];
  readonly time?: Window;
  readonly listeners?: ReadonlySet<Listener>;
}

/** Actions that ask for a key of some length: without one, a rule that limits it does not apply. */
const ASK_LENGTH: ReadonlySet<string> = new Set(['data-key.get', 'data-key.create', 'kek.generate-data-key']);

export function listenerHolds({ listeners }: Conditions, { listener }: PolicyRequest): boolean {
  return listeners === undefined || listeners.has(listener);
}

export function lengthHolds({ maxLength }: Conditions, { action, length }: PolicyRequest): boolean {
  if (maxLength === undefined) return true;
  return length === undefined ? !ASK_LENGTH.has(action) : length <= maxLength;
}

/** The name of the first value that is missing or another; undefined when all are right. */
export function wrongContext({ context }: Conditions, request: PolicyRequest): string | undefined {
  return context?.find(([name, pattern]) => {
    const given = request.context;
    const own = filled(pattern, request.principal);
    return given === undefined || !Object.hasOwn(given, name) || own === undefined || !matches(own, given[name] ?? '');
  })?.[0];
}

export function timeHolds({ time }: Conditions, request: PolicyRequest): boolean {
  if (time === undefined) return true;
  const now = request.time.getTime();
  const { days, hours, notBefore, notAfter } = time;
  // A clock that gives no time holds no window.
  if (Number.isNaN(now)) return false;
  if (notBefore !== undefined && now < notBefore) return false;
  if (notAfter !== undefined && now >= notAfter) return false;
  if (days !== undefined && !days.has(request.time.getUTCDay())) return false;
  if (hours === undefined) return true;
  const minute = request.time.getUTCHours() * 60 + request.time.getUTCMinutes();
  const [from, to] = hours;
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

export function conditionsHold(conditions: Conditions, request: PolicyRequest): boolean {
  return (
    listenerHolds(conditions, request) &&
    lengthHolds(conditions, request) &&
    timeHolds(conditions, request) &&
    wrongContext(conditions, request) === undefined
  );
}

/** The number of a day's name. */
export function dayNumber(name: (typeof DAYS)[number]): number {
  return DAYS.indexOf(name);
}
