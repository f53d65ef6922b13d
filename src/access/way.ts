import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { AssumedRole, AwsCredentials, RoleAssumer } from '../core/roles.ts';
import type { AccessChain } from './accessor.ts';
import { type FailedPath, kindOf } from './failed-path.ts';
import { type Hop, hopsOf } from './hops.ts';
import { EXPIRY_MARGIN_MS, type SessionCache } from './session-cache.ts';

/** What a way to an account needs besides its chain. */
export interface WayDeps {
  readonly assumer: RoleAssumer;
  readonly cache: SessionCache;
  readonly partition: string;
  /** The code that an MFA device shows at this time. */
  mfaCode(serial: string, call: Call): Promise<string>;
  /** What the file holds that a step names. */
  webIdentityToken(path: string): Promise<string>;
}

/** How far a chain got: its last session, or where it failed. */
export type Arrived = { readonly session: AssumedRole } | { readonly failed: FailedPath };

/**
 * Goes one chain of roles to an account. Sets out from the last hop that the cache still has, so that no hop before it
 * is touched. Throws only where the caller's own call is over.
 *
 * @param leftMs milliseconds that the last session must live for to be used again.
 */
export async function go(
  chain: AccessChain,
  target: string,
  deps: WayDeps,
  call: Call,
  leftMs = EXPIRY_MARGIN_MS,
): Promise<Arrived> {
  const hops = hopsOf(chain, target, deps.partition);
  const last = hops.length - 1;
  const start = hops.findLastIndex(({ key }, index) => deps.cache.find(key, index === last ? leftMs : undefined));
  let session: AssumedRole | undefined = start < 0 ? undefined : deps.cache.find(hops[start]?.key ?? '');
  for (const [index, hop] of hops.entries()) {
    if (index <= start) continue;
    const by = session?.credentials;
    try {
      session = await deps.cache.through(hop, call, () => take(hop, by, deps, call));
    } catch (error) {
      if (call.signal.aborted) throw error;
      const failure = KeysteadError.from(error);
      return { failed: { chain, reached: hops.slice(0, index), at: hop, kind: kindOf(failure), error: failure } };
    }
  }
  return { session: session as AssumedRole };
}

/**
 * Takes one role and checks whose credentials came: by the ARN in the answer, and by asking those credentials themselves
 * before they are kept (docs/decisions/0009-whose-session-it-is.md).
 */
async function take(hop: Hop, by: AwsCredentials | undefined, deps: WayDeps, call: Call): Promise<AssumedRole> {
  // Others may wait for it: it must not end with the call that happened to be first. The assumer's own time ends it.
  const own = { ...call, signal: new AbortController().signal };
  const { mfaSerial: serial, webIdentityTokenFile: file } = hop.step;
  const role = {
    ...hop.request,
    ...(serial === undefined ? {} : { mfa: { serial, code: await deps.mfaCode(serial, own) } }),
    ...(file === undefined ? {} : { webIdentityToken: await deps.webIdentityToken(file) }),
  };
  const session = await deps.assumer.assume(role, by, own);
  assertAccountOf(hop, session.account);
  if (deps.cache.keeps) assertAccountOf(hop, (await deps.assumer.whoIs(session.credentials, own)).account);
  return session;
}

function assertAccountOf(hop: Hop, account: string): void {
  if (account === hop.account) return;
  throw new KeysteadError('wrong-account', `the session is in account ${account}, not in ${hop.account}`);
}
