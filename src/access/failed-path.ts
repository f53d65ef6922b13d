import { KeysteadError } from '../core/errors.ts';
import { type AccessChain, chainText } from './accessor.ts';
import type { Hop } from './hops.ts';

/** What kind of thing went wrong at a hop: what a reader does next depends on it. */
export type FailureKind = 'denied' | 'credentials' | 'throttled' | 'network' | 'wrong-account' | 'other';

/** A chain that did not reach its end. */
export interface FailedPath {
  readonly chain: AccessChain;
  /** Hops that were reached before it, fresh or out of the cache. */
  readonly reached: readonly Hop[];
  /** Where it ended; absent where it never set out. */
  readonly at?: Hop;
  readonly kind: FailureKind;
  readonly error: KeysteadError;
}

/** The kind of an error; its words are in the error itself. */
export function kindOf(error: KeysteadError): FailureKind {
  if (error.reason === 'provider-throttled') return 'throttled';
  if (error.reason === 'wrong-account') return 'wrong-account';
  if (error.code === 'unavailable' || error.code === 'deadline_exceeded') return 'network';
  if (error.code === 'unauthenticated') return 'credentials';
  return error.code === 'permission_denied' ? 'denied' : 'other';
}

const ADVICE: Readonly<Record<FailureKind, string>> = {
  denied:
    'let the trust policy of the role name the one that takes it, give the external id that it asks for, and allow sts:AssumeRole to the one that takes it',
  credentials: 'check who asks: the credentials of this process, or the token that is in their place',
  throttled: 'try again later, or probe fewer accounts at once',
  network: 'check the way to the security token service, its region and its endpoint',
  'wrong-account': 'check account_id and the endpoint of the security token service',
  other: 'see what was said of that hop',
};

/**
 * No chain came to its end: the account, each chain with each of its hops, what was said, and what to do.
 * `no-access` where all were refused, `access-unavailable` where trying again may help.
 */
export function noAccess(target: string, paths: readonly FailedPath[]): KeysteadError {
  const lines = paths.map(pathText);
  const kinds = [...new Set(paths.map(({ kind }) => kind))];
  const count = paths.length === 1 ? 'the only chain of roles' : `all ${paths.length} chains of roles`;
  const advice = kinds.map((kind) => `${kind}: ${ADVICE[kind]}`).join('; ');
  const reason = paths.some(({ error }) => error.retryable) ? 'access-unavailable' : 'no-access';
  return new KeysteadError(
    reason,
    `no session in account ${target}: ${count} failed; ${lines.join('; ')}. What to do: ${advice}`,
    { cause: new AggregateError(paths.map(({ error }) => error)) },
  );
}

function pathText({ chain, reached, at, kind, error }: FailedPath, index: number): string {
  const way = reached.map((hop) => `${roleOf(hop)} reached`);
  const end = at === undefined ? error.message : `${roleOf(at)} ${kind}: ${error.message}`;
  return `${index + 1}. ${chainText(chain)}: ${[...way, end].join(', then ')}`;
}

function roleOf({ step, account }: Hop): string {
  return `${step.roleName}@${account}`;
}
