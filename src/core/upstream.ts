import type { Call } from './call.ts';
import type { KeysteadError } from './errors.ts';
import { within } from './within.ts';

/** How long one call to a cloud may take, unless the caller's own deadline is nearer. */
export const UPSTREAM_MS = 5000;

/** One call to a KMS or a store behind a cloud's door. */
export interface Upstream<T> {
  readonly timeoutMs: number;
  /** The error once `timeoutMs` have passed. */
  timedOut(): KeysteadError;
  /** Does the work, and should end it when the signal is aborted. */
  run(signal: AbortSignal): Promise<T>;
  /** Says in our words what `run` has thrown; absent: it is thrown as it is. */
  errorOf?(error: unknown): KeysteadError;
  /** Takes what came when nobody waited any more: the place to wipe it. */
  late?(value: T): void;
}

/**
 * Gives a call to a cloud its end.
 *
 * Promises: it settles when `run` does, when `timeoutMs` have passed or when the caller's own call is over, whichever
 * comes first, also where an SDK ignores its signal.
 */
export async function upstream<T>(call: Call, { timeoutMs, timedOut, run, errorOf, late }: Upstream<T>): Promise<T> {
  const ending = new AbortController();
  const { signal } = ending;
  const callerIsGone = () => ending.abort(call.signal.reason);
  if (call.signal.aborted) callerIsGone();
  call.signal.addEventListener('abort', callerIsGone, { once: true });
  const work = async () => {
    try {
      return await run(signal);
    } catch (error) {
      throw errorOf === undefined ? error : errorOf(error);
    }
  };
  const timer = setTimeout(() => ending.abort(timedOut()), timeoutMs);
  try {
    return await within({ ...call, signal }, work, late);
  } finally {
    clearTimeout(timer);
    call.signal.removeEventListener('abort', callerIsGone);
  }
}
