import { KeysteadError, type Reason } from './errors.ts';

/** Failures that say nothing of a key: only that KMS or store cannot answer now. */
const AWAY: ReadonlySet<Reason> = new Set([
  'kms-unreachable',
  'kms-timeout',
  'store-unreachable',
  'store-timeout',
  'provider-throttled',
  'upstream-busy',
]);

/** Seconds after which trying again makes sense, where nobody said it better. */
const RETRY_AFTER = 5;

/** Whether KMS or store is away; any other failure is an answer. */
export function isAway(error: unknown): error is KeysteadError {
  return error instanceof KeysteadError && AWAY.has(error.reason);
}

/**
 * What a caller hears of a KMS or a store that is away: `unavailable`, and when to come back. A timeout towards them is
 * no `deadline_exceeded` of the caller's. Throttling keeps its reason. Anything else stays as it is.
 */
export function asUnavailable(error: unknown): unknown {
  if (!isAway(error)) return error;
  const reason =
    error.reason === 'kms-timeout'
      ? 'kms-unreachable'
      : error.reason === 'store-timeout'
        ? 'store-unreachable'
        : error.reason;
  if (reason === error.reason && error.retryAfter !== undefined) return error;
  return new KeysteadError(reason, error.message, { cause: error, retryAfter: error.retryAfter ?? RETRY_AFTER });
}
