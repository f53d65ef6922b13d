import type { JWTPayload } from 'jose';
import type { Principal } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { refused, verifyJwt } from './jwt.ts';
import type { KeySet } from './key-set.ts';
import type { TokenJudge } from './proof.ts';
import { ALGORITHMS, type OidcEntry } from './schema.ts';

/** Groups that only this service and Kubernetes give: whoever writes the tokens of another issuer cannot. */
const OWN = /^(keystead|system):/;
const MAX_SUBJECT = 1024;

/** Callers with a JWT of any OpenID Connect issuer; their names begin with the name of the authenticator. */
export function oidcCallers(entry: OidcEntry, deps: { readonly keys: KeySet; readonly clock: Clock }): TokenJudge {
  const rules = { issuer: entry.issuer, audiences: entry.audiences, algorithms: entry.algorithms ?? ALGORITHMS };
  return {
    name: entry.name,
    audiences: entry.audiences,
    async judge(token) {
      const { claims, knownUntil, freshUntil } = await verifyJwt(token, rules, deps.keys, deps.clock);
      return { principal: callerOf(claims, entry), knownUntil, freshUntil };
    },
  };
}

function callerOf(claims: JWTPayload, entry: OidcEntry): Principal {
  for (const [name, wanted] of Object.entries(entry.requiredClaims ?? {})) {
    if (!holds(own(claims, name), wanted)) throw refused('it lacks a claim that is needed, or has a wrong one');
  }
  const subject = subjectOf(claims, entry.subjectClaim ?? 'sub');
  const groups = entry.groupsClaim === undefined ? [] : groupsIn(own(claims, entry.groupsClaim));
  return { kind: 'oidc', name: `${entry.name}:${subject}`, groups };
}

/** A claim of that name, and nothing that every object has. */
function own(claims: JWTPayload, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

function holds(value: unknown, wanted: string): boolean {
  if (Array.isArray(value)) return value.some((one) => typeof one === 'string' && one === wanted);
  return ['string', 'number', 'boolean'].includes(typeof value) && String(value) === wanted;
}

function subjectOf(claims: JWTPayload, claim: string): string {
  const subject = own(claims, claim);
  // What would be unseen in a log, or seem to be another name.
  if (typeof subject !== 'string' || subject === '' || subject.length > MAX_SUBJECT || /[\p{C}\p{Z}]/u.test(subject)) {
    throw refused('its subject is missing, or no name');
  }
  if (claim === 'email' && ![undefined, true].includes(own(claims, 'email_verified') as boolean)) {
    throw refused('its email address is not verified');
  }
  return subject;
}

function groupsIn(claim: unknown): string[] {
  const all = Array.isArray(claim) ? claim : [claim];
  const texts = all.filter((group): group is string => typeof group === 'string' && group !== '');
  return [...new Set(texts.filter((group) => !OWN.test(group)))];
}
