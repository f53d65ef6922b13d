import type { Failure } from './failure.ts';

/** Time and chance of the client: tests bring their own. */
export interface ClientAmbient {
  /** Milliseconds since 1970. */
  now(): number;
  /** Rejects when the signal is aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** From 0 to 1, as Math.random: it spreads retries and guards nothing. */
  random(): number;
}

const FIRST_DELAY = 100;
const LONGEST_DELAY = 5_000;
/** RFC 9110, section 5.6.7; Date.parse alone takes almost anything for a date. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Whether a call may be tried again after such a failure. */
export function mayRetry(failure: Failure, repeatable: boolean): boolean {
  return failure.retryable && (repeatable || failure.untouched);
}

/**
 * Milliseconds before the next attempt: full jitter, so that callers who failed together do not come back together,
 * and never before the service wants to be asked again.
 *
 * @param attempt 0 after the first attempt.
 */
export function retryDelay(attempt: number, failure: Failure, random: ClientAmbient['random']): number {
  const window = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt);
  return (failure.error.retryAfter ?? 0) * 1000 + random() * window;
}

/** Seconds that a `Retry-After` header asks for: a number, or a date; undefined when it is neither. */
export function retryAfterSeconds(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  if (!HTTP_DATE.test(header)) return undefined;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}
