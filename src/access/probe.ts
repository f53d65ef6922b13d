import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { AccountAccess } from './account-access.ts';

/** What came of one account: whose session it is, or why there is none. */
export interface Probed {
  readonly account: string;
  readonly ms: number;
  readonly arn?: string;
  /** The chain that led there; absent where the base credentials did. */
  readonly chain?: string;
  readonly error?: KeysteadError;
}

export interface ProbeOptions {
  /** Accounts at once. */
  readonly concurrency: number;
  readonly clock: Clock;
  /** Told of every account as soon as it is done. */
  readonly tell?: ((done: number, of: number) => void) | undefined;
}

/**
 * Tries to come into each account; gives what came of it in the order of `accounts`, each once. Throws only when the
 * call is over.
 */
export async function probe(
  access: AccountAccess,
  accounts: readonly string[],
  { concurrency, clock, tell }: ProbeOptions,
  call: Call,
): Promise<readonly Probed[]> {
  const all = [...new Set(accounts)];
  const results: Probed[] = [];
  let [next, done] = [0, 0];
  const worker = async () => {
    for (let at = next++; at < all.length; at = next++) {
      results[at] = await probeOne(access, all[at] as string, clock, call);
      tell?.(++done, all.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, all.length) }, worker));
  return results;
}

async function probeOne(access: AccountAccess, account: string, clock: Clock, call: Call): Promise<Probed> {
  const begin = clock.now().getTime();
  const ms = () => clock.now().getTime() - begin;
  try {
    const { arn, chain } = await access.session(account, undefined, call);
    return { account, ms: ms(), arn, ...(chain === undefined ? {} : { chain }) };
  } catch (error) {
    if (call.signal.aborted) throw error;
    return { account, ms: ms(), error: KeysteadError.from(error) };
  }
}
