import type { Principal } from './call.ts';
import type { Clock } from './clock.ts';
import { KeysteadError } from './errors.ts';
import { networkOf } from './network.ts';
import { Remembered } from './remembered.ts';

const MINUTE = 60_000;
/** Callers, and sources, that are counted at a time; of more, those are forgotten that came longest ago. */
const MOST = 10_000;

/** What requests are counted by: where they come from, and who sends them. */
export type Counted = 'source' | 'principal';

/** What is left to a caller. */
export interface Quota {
  /** Requests a minute. */
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds until all of them are there again; where `exceeded`, until the request may come again. */
  readonly resetMs: number;
  /** The request may not be served, and was not counted. */
  readonly exceeded: boolean;
}

interface Account {
  /** Milliseconds that it takes to earn again what was spent, as of then. */
  owed: number;
  at: number;
}

/** Of the sum of a minute's worth of requests: fractions of a millisecond do not add up exactly. */
const ROUNDING = 1e-6;

/**
 * How much each caller and each source address may ask for, over all transports of this process.
 *
 * Promises: in no minute does one of them get more than two minutes' worth, nor more than its rate in the long run (the
 * generic cell rate algorithm, ITU-T I.371: a bucket of one minute's worth that fills evenly); what was refused costs
 * nothing, so that one who goes on asking is served at the rate; memory is bounded; a clock that is set back refuses
 * nobody for longer than a minute.
 * Does not promise: anything across processes, each of which counts for itself; or against one who has more than ten
 * thousand addresses.
 */
export class RateLimits {
  readonly limits: Readonly<Record<Counted, number>>;
  readonly #clock: Clock;
  readonly #accounts: Readonly<Record<Counted, Remembered<Account>>> = {
    source: new Remembered(MOST),
    principal: new Remembered(MOST),
  };

  /** @param limits requests a minute; 0 is no limit. */
  constructor(limits: Readonly<Record<Counted, number>>, clock: Clock) {
    this.limits = limits;
    this.#clock = clock;
  }

  /** A request came from there. Undefined: nothing is counted. */
  source(address: string | undefined): Quota | undefined {
    if (address === undefined || this.limits.source === 0) return undefined;
    return this.spend('source', sourceKey(address));
  }

  /** A caller who is known now asks for `cost` things. Undefined: nothing is counted. */
  principal(principal: Principal, address: string | undefined, cost = 1): Quota | undefined {
    if (this.limits.principal === 0) return undefined;
    return this.spend('principal', principalKey(principal, address), cost);
  }

  /** There must be a limit. */
  spend(counted: Counted, key: string, cost = 1): Quota {
    const limit = this.limits[counted];
    const accounts = this.#accounts[counted];
    const now = this.#clock.now().getTime();
    const account = accounts.find(key) ?? open(accounts, key);
    // A clock that was set back earns nothing.
    const owed = Math.max(0, account.owed - Math.max(0, now - account.at));
    // What asks for more than there ever is waits for a full bucket.
    const more = (Math.min(cost, limit) * MINUTE) / limit;
    const exceeded = owed + more > MINUTE + ROUNDING;
    const owes = exceeded ? owed : owed + more;
    account.owed = owes;
    account.at = now;
    return {
      limit,
      remaining: exceeded ? 0 : Math.max(0, Math.floor(((MINUTE - owes) * limit) / MINUTE + ROUNDING)),
      resetMs: exceeded ? owed + more - MINUTE : owes,
      exceeded,
    };
  }
}

/** What a source address is counted under. */
export function sourceKey(address: string): string {
  return networkOf(address);
}

/** Whoever is anonymous shares a name with everybody else, and counts by address. */
export function principalKey({ kind, name }: Principal, address: string | undefined): string {
  return kind === 'anonymous' ? `${kind} ${sourceKey(address ?? '')}` : `${kind} ${name}`;
}

/** Throws `rate-limit` where a quota is used up. */
export function assertWithin(quota: Quota | undefined, counted: Counted): void {
  if (quota?.exceeded !== true) return;
  const who = counted === 'principal' ? 'a caller' : 'a source address';
  throw new KeysteadError('rate-limit', `${who} may send ${quota.limit} requests a minute here; slow down`, {
    retryAfter: Math.max(1, Math.ceil(quota.resetMs / 1000)),
  });
}

function open(accounts: Remembered<Account>, key: string): Account {
  const account = { owed: 0, at: 0 };
  accounts.put(key, account);
  return account;
}
