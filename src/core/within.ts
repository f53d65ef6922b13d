import type { Call } from './call.ts';
import { KeysteadError } from './errors.ts';

/**
 * Does `work`, but waits no longer than the call lives: then throws why it is over, mostly `timeout` or `client-gone`.
 * The work may still take place; what comes too late goes to `discard`, and nothing begins once the call is over.
 */
export async function within<T>(call: Call, work: () => Promise<T>, discard: (late: T) => void = () => {}): Promise<T> {
  const { signal } = call;
  if (signal.aborted) throw whyOver(signal);
  let over = () => {};
  const cut = new Promise<never>((_resolve, reject) => {
    over = () => reject(whyOver(signal));
  });
  signal.addEventListener('abort', over, { once: true });
  let result: Promise<T> | undefined;
  try {
    result = work();
    return await Promise.race([result, cut]);
  } catch (error) {
    result?.then(discard, () => {}); // a late failure has nobody to tell
    throw error;
  } finally {
    signal.removeEventListener('abort', over);
  }
}

/** Why a call is over. */
export function whyOver(signal: AbortSignal): KeysteadError {
  const { reason } = signal;
  if (reason instanceof KeysteadError) return reason;
  return reason instanceof DOMException && reason.name === 'TimeoutError'
    ? new KeysteadError('timeout', 'the deadline has passed', { cause: reason })
    : new KeysteadError('client-gone', 'the caller went away', { cause: reason });
}
