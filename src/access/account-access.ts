import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { AwsCredentials, RoleAssumer } from '../core/roles.ts';
import { type Accessor, accessorText, chainText } from './accessor.ts';
import { type FailedPath, noAccess } from './failed-path.ts';
import { assertAccount } from './hops.ts';
import { partitionOf } from './partition.ts';
import { Renewal } from './renewal.ts';
import { SessionCache, type SessionShelf } from './session-cache.ts';
import { go, type WayDeps } from './way.ts';

/** A session in an account. */
export interface AccountSession {
  readonly account: string;
  /** Region for the calls made with it; undefined where nothing gives one. */
  readonly region: string | undefined;
  /** Whose credentials they are. */
  readonly arn: string;
  /** The chain that came to its end; absent where the base credentials are used. */
  readonly chain?: string;
  /** As they are now. Kept for long, they expire: ask `renewed` then. */
  readonly credentials: AwsCredentials;
  /**
   * Credentials that still live: the same as long as they do, then fresh ones. A while before their end fresh ones are
   * fetched in the background, so that nobody waits for them.
   */
  renewed(call: Call): Promise<AwsCredentials>;
}

/** Sessions in AWS accounts by chains of roles. */
export interface AccountAccess {
  /**
   * Tries the chains in order; the first that comes to its end wins. Nothing is remembered of those that failed.
   *
   * Throws `bad-account` before any call; `no-access` or `access-unavailable`, which name every chain and what was said
   * of it; without chains, what the base credentials give, and `wrong-account` where they are of another account.
   */
  session(account: string, region: string | undefined, call: Call): Promise<AccountSession>;
  /** What the sessions in the cache are called: `ACCOUNT:ROLE:SESSION`. */
  cached(): readonly string[];
  /** `accessor:SESSION:ROLE@ACCOUNT,ROLE@target,…` */
  readonly text: string;
  close(): Promise<void>;
}

export interface AccountAccessDeps {
  readonly accessor: Accessor;
  readonly assumer: RoleAssumer;
  readonly clock: Clock;
  /** Absent: sessions are kept in memory alone. */
  readonly shelf?: SessionShelf | undefined;
  /** Absent: nobody is there to read an MFA device. */
  readonly mfaCode?: WayDeps['mfaCode'] | undefined;
  readonly webIdentityToken: WayDeps['webIdentityToken'];
}

export function accountAccess(deps: AccountAccessDeps): AccountAccess {
  const { accessor, assumer } = deps;
  const cache = new SessionCache({ clock: deps.clock, off: !accessor.cacheCreds, shelf: deps.shelf });
  const way: WayDeps = {
    assumer,
    cache,
    partition: accessor.partition ?? partitionOf(assumer.region),
    mfaCode: deps.mfaCode ?? nobodyReads,
    webIdentityToken: deps.webIdentityToken,
  };
  const find = async (account: string, call: Call, leftMs?: number): Promise<Found> => {
    assertAccount(account);
    if (accessor.chains.length === 0) return base(account, assumer, call);
    await cache.ready();
    const failed: FailedPath[] = [];
    for (const chain of accessor.chains) {
      const arrived = await go(chain, account, way, call, leftMs);
      if ('session' in arrived) return { ...arrived.session, chain: chainText(chain) };
      failed.push(arrived.failed);
    }
    throw noAccess(account, failed);
  };
  return {
    text: accessorText(accessor),
    async session(account, region = assumer.region, call) {
      const found = await find(account, call);
      const renewal = new Renewal(found.credentials, deps.clock, async (own, leftMs) => {
        return (await find(account, own, leftMs)).credentials;
      });
      return { ...found, account, region, renewed: (own) => renewal.credentials(own) };
    },
    cached: () => cache.labels(),
    close: () => assumer.close(),
  };
}

interface Found {
  readonly arn: string;
  readonly credentials: AwsCredentials;
  readonly chain?: string;
}

async function base(account: string, assumer: RoleAssumer, call: Call): Promise<Found> {
  const identity = await assumer.whoIs(undefined, call);
  if (identity.account !== account) {
    throw new KeysteadError(
      'wrong-account',
      `the credentials of this process are of account ${identity.account}, not of ${account}, and the accessor has no chain of roles; give it one`,
    );
  }
  return { arn: identity.arn, credentials: await assumer.base(call) };
}

async function nobodyReads(serial: string): Promise<never> {
  throw new KeysteadError(
    'no-credentials',
    `the code of the MFA device ${serial} is needed, and nobody is asked for it here`,
  );
}
