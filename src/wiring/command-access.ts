import type { Accessor } from '../access/accessor.ts';
import type { AccountAccess } from '../access/account-access.ts';
import { hopsOf } from '../access/hops.ts';
import { partitionOf } from '../access/partition.ts';
import { type Probed, type ProbeOptions, probe } from '../access/probe.ts';
import { sealedSessions } from '../access/sealed-sessions.ts';
import type { SessionShelf } from '../access/session-cache.ts';
import type { Call } from '../core/call.ts';
import type { RoleAssumer } from '../core/roles.ts';
import { openRoleAssumer } from '../providers/open.ts';
import { loadAccessor, openAccess } from './access.ts';
import { bareAmbient } from './ambient.ts';
import { readSessionKey, sessionFile } from './session-file.ts';

export interface CommandAccess {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Keeps sessions for the next command. */
  readonly cache?: { readonly file: string; readonly keyFile: string };
  mfaCode(serial: string): Promise<string>;
}

/** An accessor opened for one command. */
export async function openCommandAccess(
  from: CommandAccess,
): Promise<{ readonly access: AccountAccess; readonly call: Call; close(): Promise<void> }> {
  const { clock, random } = bareAmbient(from.env);
  const accessor = await loadAccessor(from.file, { env: from.env });
  const call: Call = {
    principal: { kind: 'local', name: 'keystead access', groups: [] },
    signal: from.signal,
    traceId: Buffer.from(random.bytes(16)).toString('hex'),
    listener: 'internal',
  };
  const key = from.cache === undefined ? undefined : await readSessionKey(from.cache.keyFile);
  let base: RoleAssumer | undefined;
  const shelf: SessionShelf | undefined =
    from.cache === undefined || key === undefined
      ? undefined
      : sealedSessions(sessionFile(from.cache.file), {
          key,
          random,
          clock,
          async base() {
            if (needsNoBase(accessor)) return '';
            base ??= await openRoleAssumer({});
            return (await base.base(call)).accessKeyId;
          },
        });
  const access = await openAccess(accessor, { clock, shelf, mfaCode: from.mfaCode });
  return {
    access,
    call,
    async close() {
      await access.close();
      await base?.close();
      key?.dispose();
    },
  };
}

function needsNoBase({ chains }: Accessor): boolean {
  return chains.every(({ steps }) => steps[0]?.webIdentityTokenFile !== undefined);
}

/** An accessor, read and not opened: nothing is asked of anybody. */
export async function describeAccessor(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  account: string | undefined,
): Promise<Described> {
  const accessor = await loadAccessor(file, { env });
  const partition = accessor.partition ?? partitionOf(accessor.stsRegion ?? env['AWS_REGION']);
  const chains = accessor.chains.map((chain) => ({
    chain,
    hops: hopsOf(chain, account ?? 'TARGET', partition),
  }));
  return { accessor, chains };
}

export interface Described {
  readonly accessor: Accessor;
  readonly chains: readonly {
    readonly chain: Accessor['chains'][number];
    readonly hops: ReturnType<typeof hopsOf>;
  }[];
}

/** Tries to come into many accounts, some at once. */
export function probeAccounts(
  access: AccountAccess,
  accounts: readonly string[],
  options: Omit<ProbeOptions, 'clock'>,
  call: Call,
): Promise<readonly Probed[]> {
  return probe(access, accounts, { ...options, clock: bareAmbient({}).clock }, call);
}
