import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Accessor } from '../access/accessor.ts';
import type { AccountSession } from '../access/account-access.ts';
import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { AwsKeys } from '../core/roles.ts';
import { loadAccessor, openAccess, type StsPlace } from './access.ts';

/** How sessions are opened, beside what the accessor's file says. */
export interface AccessOptions {
  /** Whether credentials of a hop may serve again; wins over `cache_creds` of the file. */
  readonly cacheCreds?: boolean;
  /** What external ids are filled from; the process's own when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The time; the system's when absent. */
  readonly now?: () => Date;
  /** Where the security token service is, and the base credentials; what is absent, the AWS SDK finds. */
  readonly sts?: StsPlace;
  /** Asked for the code that an MFA device shows. */
  readonly mfaCode?: (serial: string) => Promise<string>;
}

/** A way into one account: whose, where, and credentials that renew themselves. */
export interface Session {
  readonly account: string;
  readonly region: string | undefined;
  /** Whose credentials they are. */
  readonly arn: string;
  /** The chain that came to its end, as text; absent where the base credentials are used. */
  readonly chain?: string;
  /** Credentials that live: the same until a while before their end, then fresh ones. */
  readonly credentials: () => Promise<AwsKeys>;
}

/** An accessor that was read, and the sessions that it leads to. */
export interface OpenedAccess {
  readonly accessor: Accessor;
  /** All chains as text. */
  readonly text: string;
  /**
   * A session in an account, by the first chain that comes to its end. Throws `KeysteadError`: `bad-account`,
   * `no-access`, `access-unavailable`, `wrong-account`, or why the signal was aborted.
   */
  session(account: string, region?: string, options?: { readonly signal?: AbortSignal }): Promise<Session>;
  /** `ACCOUNT:ROLE:SESSION` of every session in the cache. */
  cached(): readonly string[];
  close(): Promise<void>;
}

/**
 * Opens an accessor file (docs/reference/access.md). Makes no call to AWS. Throws `KeysteadError`: `no-file`,
 * `cannot-read`, `bad-accessor` with all that is wrong, `sdk-not-installed`.
 */
export async function openAccountAccess(file: string, options: AccessOptions = {}): Promise<OpenedAccess> {
  const { env = process.env, cacheCreds, now = () => new Date(), sts, mfaCode } = options;
  const accessor = await loadAccessor(file, { env, cacheCreds });
  const clock: Clock = { now, sleep: (ms, signal) => sleep(ms, undefined, { signal }) };
  const access = await openAccess(accessor, {
    clock,
    ...(sts === undefined ? {} : { place: sts }),
    ...(mfaCode === undefined ? {} : { mfaCode }),
  });
  return {
    accessor,
    text: access.text,
    async session(account, region, { signal = new AbortController().signal } = {}) {
      return sessionOf(await access.session(account, region, libraryCall(signal)));
    },
    cached: () => access.cached(),
    close: () => access.close(),
  };
}

function sessionOf(session: AccountSession): Session {
  const { account, region, arn } = session;
  const chain = session.chain === undefined ? {} : { chain: session.chain };
  const credentials = async () => (await session.renewed(libraryCall(new AbortController().signal))).expose();
  return { account, region, arn, ...chain, credentials };
}

function libraryCall(signal: AbortSignal): Call {
  return {
    principal: { kind: 'local', name: 'keystead/access', groups: [] },
    signal,
    traceId: randomUUID().replaceAll('-', ''),
    listener: 'internal',
  };
}
