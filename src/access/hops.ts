import { KeysteadError } from '../core/errors.ts';
import type { RoleRequest } from '../core/roles.ts';
import type { AccessChain, AccessStep } from './accessor.ts';

/** One role on the way to an account. */
export interface Hop {
  readonly account: string;
  /** `ACCOUNT:ROLE:SESSION`, what a cache entry is called. */
  readonly label: string;
  /** Everything that makes these credentials what they are, hops before included: what a cache entry is found by. */
  readonly key: string;
  /** But for what is read when it is taken: MFA code and web identity token. */
  readonly request: RoleRequest;
  readonly step: AccessStep;
}

/** Throws `bad-account` unless it is an account id: before any call. */
export function assertAccount(account: string): void {
  if (typeof account === 'string' && /^\d{12}$/.test(account)) return;
  throw new KeysteadError('bad-account', 'the account must be an id of 12 digits');
}

/**
 * The hops of a chain to an account, in order.
 *
 * Where the chain comes through the very role that it is to end in, it ends there: a role need not be allowed to
 * assume itself.
 */
export function hopsOf(chain: AccessChain, target: string, partition: string): readonly Hop[] {
  const { sessionName } = chain;
  const hops: Hop[] = [];
  for (const step of chain.steps) {
    const account = step.accountId ?? target;
    const request: RoleRequest = {
      roleArn: `arn:${partition}:iam::${account}:role/${step.roleName}`,
      sessionName,
      ...shapeOf(chain, step),
    };
    const own = JSON.stringify([request, step.mfaSerial ?? null, step.webIdentityTokenFile ?? null]);
    const key = `${hops.at(-1)?.key ?? ''}${own}\n`;
    hops.push({ account, label: `${account}:${step.roleName}:${sessionName}`, key, request, step });
  }
  const last = JSON.stringify(hops.at(-1)?.request);
  return hops.slice(0, hops.findIndex(({ request }) => JSON.stringify(request) === last) + 1);
}

/** What narrows the session or names it; absent is not sent. */
function shapeOf(chain: AccessChain, step: AccessStep): Partial<RoleRequest> {
  const durationSeconds = step.durationSeconds ?? chain.durationSeconds;
  const { sessionTags, transitiveTagKeys, sourceIdentity, policy, policyArns } = step;
  return {
    ...(step.externalId ? { externalId: step.externalId } : {}),
    ...(durationSeconds === undefined ? {} : { durationSeconds }),
    ...(sessionTags === undefined ? {} : { sessionTags }),
    ...(transitiveTagKeys === undefined ? {} : { transitiveTagKeys }),
    ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
    ...(policy === undefined ? {} : { policy }),
    ...(policyArns === undefined ? {} : { policyArns }),
  };
}
