import type { Listener, Principal } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { KeysteadError } from '../core/errors.ts';
import type { TokenReviewer } from '../core/token-review.ts';
import { Callers, type CallersDeps } from './callers.ts';
import { certificateCallers } from './certificates.ts';
import { KeySet } from './key-set.ts';
import { type Files, keySource } from './key-source.ts';
import { oidcCallers } from './oidc.ts';
import type { TokenJudge } from './proof.ts';
import type { AnonymousEntry, AuthDocument, KeysEntry, ServiceAccountEntry, TokenEntry } from './schema.ts';
import { serviceAccounts } from './service-account.ts';
import { type StaticToken, StaticTokens } from './static-tokens.ts';

export type ReviewEntry = NonNullable<ServiceAccountEntry['review']>;

export interface OpenCallersDeps extends Files, CallersDeps {
  /** A development server's caller. */
  readonly everybody?: Principal;
  /** The token of the administrator. */
  readonly adminToken: StaticToken | undefined;
  /** Keys that an earlier auth file has fetched, and where those go that this one will. */
  readonly keySets: KeySets;
  openReviewer(review: ReviewEntry): TokenReviewer;
}

/**
 * The key sets of a service, by what they are fetched with: a new auth file goes on with the keys of the former one
 * wherever both say the same, so that a reload while an issuer is away shuts nobody out.
 */
export class KeySets {
  #sets = new Map<string, KeySet>();
  readonly #changed: (name: string, failure: KeysteadError | undefined) => void;

  /** @param changed told when the keys of an authenticator cannot be fetched any more, and when they can again. */
  constructor(changed: (name: string, failure: KeysteadError | undefined) => void) {
    this.#changed = changed;
  }

  /** Key sets for all of these. What `keep` is not called for stays as it was. */
  plan(
    entries: readonly KeysEntry[],
    deps: Files & { readonly clock: Clock },
  ): { of(entry: KeysEntry): KeySet; keep(): void } {
    const planned = new Map<string, KeySet>();
    for (const entry of entries) {
      const mark = markOf(entry);
      planned.set(mark, planned.get(mark) ?? this.#sets.get(mark) ?? this.#open(entry, deps));
    }
    return {
      of: (entry) => planned.get(markOf(entry)) as KeySet,
      keep: () => {
        this.#sets = planned;
      },
    };
  }

  #open(entry: KeysEntry, deps: Files & { readonly clock: Clock }): KeySet {
    const { name, refresh = 300, outage = 3600 } = entry;
    return new KeySet({
      name,
      refreshMs: refresh * 1000,
      outageMs: outage * 1000,
      clock: deps.clock,
      load: keySource(entry, deps),
      changed: (failure) => this.#changed(name, failure),
    });
  }
}

function markOf({ name, issuer, jwksUri, jwksFile, caFile, tokenFile, refresh, outage }: KeysEntry): string {
  return JSON.stringify([name, issuer, jwksUri, jwksFile, caFile, tokenFile, refresh, outage]);
}

/** Builds what an auth file says; nothing is asked or fetched before a caller comes. */
export function openCallers(document: AuthDocument | undefined, deps: OpenCallersDeps): Callers {
  const entries = document?.authenticators ?? [];
  const keyed = entries.filter((entry) => entry.kind === 'service-account' || entry.kind === 'oidc');
  const plan = deps.keySets.plan(keyed, deps);
  const issuers = new Map<string, TokenJudge[]>();
  for (const entry of keyed) {
    const judge = openJudge(entry, plan.of(entry), deps);
    issuers.set(entry.issuer, [...(issuers.get(entry.issuer) ?? []), judge]);
  }
  const tokens = entries.flatMap((entry) => (entry.kind === 'token' ? staticTokens(entry) : []));
  if (deps.adminToken !== undefined) tokens.push(deps.adminToken);
  const anonymous = entries.flatMap((entry) => (entry.kind === 'anonymous' ? entry.listeners : []));
  plan.keep();
  return new Callers(
    {
      ...(deps.everybody === undefined ? {} : { everybody: deps.everybody }),
      tokens: new StaticTokens(tokens, deps.clock),
      issuers,
      certificates: entries.flatMap((entry) => (entry.kind === 'certificate' ? [certificateCallers(entry)] : [])),
      anonymousOn: new Set<Listener>(anonymous),
      nobody: entries.length === 0 && tokens.length === 0 && deps.everybody === undefined,
    },
    deps,
  );
}

function openJudge(entry: KeysEntry, keys: KeySet, deps: OpenCallersDeps): TokenJudge {
  const { clock } = deps;
  if (entry.kind === 'oidc') return oidcCallers(entry, { keys, clock });
  const reviewer = entry.review && deps.openReviewer(entry.review);
  return serviceAccounts(entry, { keys, clock, reviewer });
}

function staticTokens({ tokens }: TokenEntry): StaticToken[] {
  return tokens.map(({ name, sha256, groups, notAfter }) => ({
    sha256: Buffer.from(sha256, 'hex'),
    principal: { kind: 'token', name, groups: groups ?? [] },
    ...(notAfter === undefined ? {} : { notAfter: new Date(notAfter) }),
  }));
}

/**
 * What whoever runs the service should know of an auth file.
 *
 * @param about.certificates whether the TLS handshake asks for client certificates.
 */
export function authWarnings({ authenticators }: AuthDocument, about: { readonly certificates: boolean }): string[] {
  const unasked = authenticators.filter(({ kind }) => kind === 'certificate' && !about.certificates);
  return [
    ...authenticators.filter((entry) => entry.kind === 'anonymous').map(anonymousWarning),
    ...unasked.map(
      ({ name }) => `${name} knows callers by client certificates, and none is asked for; give tls.clientCaFile`,
    ),
    ...clusterWarnings(authenticators.filter((entry) => entry.kind === 'service-account')),
  ];
}

function clusterWarnings(accounts: readonly ServiceAccountEntry[]): string[] {
  if (new Set(accounts.map(({ issuer }) => issuer)).size < 2) return [];
  const names = accounts.map(({ name }) => name).join(' and ');
  return [
    `${names} let ServiceAccounts of several clusters in: accounts of one namespace and name are one caller, whichever cluster they are of`,
  ];
}

function anonymousWarning({ name, listeners }: AnonymousEntry): string {
  return `${name} lets everybody in without credentials on ${listeners.join(' and ')}: whoever reaches it gets what the policy allows to subjects of kind anonymous, and the audit trail cannot tell them apart`;
}
