import type { Config } from '../config/schema.ts';
import type { Ambient, HouseLog } from './ambient.ts';
import { type AuthKeeper, openAuth } from './auth.ts';
import { openPolicy, type PolicyKeeper } from './policy.ts';
import { openTls, type TlsKeeper } from './tls.ts';

/** What the house reads from files that may change while it is open. */
export interface Keepers {
  readonly tls: TlsKeeper;
  readonly policy: PolicyKeeper;
  readonly auth: AuthKeeper;
  close(): Promise<void>;
}

/** Closes what it has opened when one of them is not fit. */
export async function openKeepers(
  config: Config,
  ambient: Pick<Ambient, 'clock' | 'random' | 'audit' | 'metrics' | 'readFile' | 'member'> & { readonly log: HouseLog },
): Promise<Keepers> {
  const opened: { close(): Promise<void> }[] = [];
  const close = async () => {
    await Promise.all(opened.map((each) => each.close()));
  };
  const open = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
    const keeper = await opening;
    opened.push(keeper);
    return keeper;
  };
  try {
    const tls = await open(openTls(config, ambient));
    const policy = await open(openPolicy(config.policy.file, { ...ambient, decision: ambient.metrics.decision }));
    return { tls, policy, auth: await open(openAuth(config, ambient)), close };
  } catch (error) {
    await close();
    throw error;
  }
}
