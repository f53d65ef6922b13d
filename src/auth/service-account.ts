import type { JWTPayload } from 'jose';
import type { Principal } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { TokenReviewer } from '../core/token-review.ts';
import { refused, verifyJwt } from './jwt.ts';
import type { KeySet } from './key-set.ts';
import type { TokenJudge } from './proof.ts';
import { Reviews } from './reviews.ts';
import { ALGORITHMS, type ServiceAccountEntry } from './schema.ts';

/** Names of Kubernetes: a namespace is a DNS label, an account a DNS subdomain. Nothing of them means more elsewhere. */
const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const ACCOUNT = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/**
 * ServiceAccounts by their bound tokens.
 *
 * Promises: namespace and name are those of the claims that Kubernetes has signed, and `sub` says the same; with a
 * reviewer, the API server has said yes to this very token and this very account within `cacheSeconds`.
 */
export function serviceAccounts(
  entry: ServiceAccountEntry,
  deps: { readonly keys: KeySet; readonly clock: Clock; readonly reviewer: TokenReviewer | undefined },
): TokenJudge {
  const { keys, clock, reviewer } = deps;
  const rules = { issuer: entry.issuer, audiences: entry.audiences, algorithms: entry.algorithms ?? ALGORITHMS };
  const cacheMs = (entry.review?.cacheSeconds ?? 10) * 1000;
  const reviews = reviewer && new Reviews({ reviewer, clock, audiences: entry.audiences, cacheMs });
  return {
    name: entry.name,
    audiences: entry.audiences,
    async judge(token, mark) {
      const { claims, knownUntil, freshUntil } = await verifyJwt(token, rules, keys, clock);
      const principal = accountOf(claims);
      if (reviews === undefined) return { principal, knownUntil, freshUntil };
      const reviewedUntil = await reviews.assertAccepted(token, mark, principal.name);
      return { principal, knownUntil, freshUntil: Math.min(freshUntil, reviewedUntil) };
    },
  };
}

function accountOf({ sub, ...claims }: JWTPayload): Principal {
  const bound = record(claims['kubernetes.io']);
  const { namespace } = bound;
  const { name: serviceAccount } = record(bound['serviceaccount']);
  if (typeof namespace !== 'string' || typeof serviceAccount !== 'string') {
    throw refused('it is no bound token of a ServiceAccount');
  }
  const name = `system:serviceaccount:${namespace}:${serviceAccount}`;
  if (!NAMESPACE.test(namespace) || !ACCOUNT.test(serviceAccount) || sub !== name) {
    throw refused('its claims name different accounts');
  }
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  return { kind: 'service-account', name, groups, namespace, serviceAccount };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
