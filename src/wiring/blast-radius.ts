import type { Config } from '../config/schema.ts';
import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Kek } from '../core/kek.ts';
import type { ManagedKey } from '../core/key-admin.ts';
import type { CredentialSource } from '../core/roles.ts';
import { disposeSecrets, kekUri, parseStorageUri, redactUri } from '../core/uri.ts';
import type { KekUse } from '../data-keys/data-keys.ts';
import { storedDataKeyJobs } from '../data-keys/jobs.ts';
import type { Declaration } from '../lifecycle/declaration.ts';
import { openStore } from '../providers/open.ts';
import type { BareAmbient } from './ambient.ts';

/** What cannot be opened once a key is gone. */
export interface BlastRadius {
  /** The store that was looked through, without credentials; undefined where none is configured that others could fill. */
  readonly storage: string | undefined;
  /** Records with a version that the key wraps; undefined where nobody looked. */
  readonly records: number | undefined;
  /** Records that could not be read, which may be under the key as well. */
  readonly unread: number;
}

/** Counts by one walk over the configured store, the first time that it is asked. */
export type Census = (declaration: Declaration, key: ManagedKey, call: Call) => Promise<BlastRadius>;

/** @param access the paths that `storage` may name. */
export function openCensus(config: Config, ambient: BareAmbient, access?: CredentialSource): Census {
  let walked: Promise<{ keks: readonly KekUse[]; failed: number } | undefined> | undefined;
  return async ({ uri }, { resource }, call) => {
    walked ??= walkStore(config, { ...ambient, access }, call);
    const found = await walked;
    if (found === undefined) return { storage: undefined, records: undefined, unread: 0 };
    // Not added up exactly where a record has versions under several versions of the KEK: never fewer than there are.
    const under = found.keks.filter(({ kek, kekVersion }) => {
      const byVersion = kekVersion === resource || kekVersion.startsWith(`${resource}/`);
      return byVersion || (uri.provider !== 'aws' && kek === kekUri(uri));
    });
    const records = under.reduce((sum, use) => sum + use.records, 0);
    return { storage: redactUri(config.storage), records, unread: found.failed };
  };
}

async function walkStore(config: Config, ambient: BareAmbient & { access: CredentialSource | undefined }, call: Call) {
  const uri = parseStorageUri(config.storage);
  if (uri.provider === 'memory' || uri.provider === 'no-store') return undefined;
  const secrets = ambient.secrets ?? { env: {}, readFile: () => new Uint8Array() };
  try {
    const store = await openStore(uri, { secrets, timeoutMs: config.upstream.timeout, access: ambient.access });
    if (store === undefined) return undefined;
    try {
      const { random, clock } = ambient;
      const jobs = storedDataKeyJobs({
        kek: NOBODY,
        store,
        random,
        clock,
        constellation: config.records.constellation,
      });
      return await jobs.census({}, call);
    } finally {
      await store.close();
    }
  } finally {
    disposeSecrets(uri);
  }
}

async function never(): Promise<never> {
  throw new KeysteadError('not-supported', 'a census opens no key');
}

/** A census reads records and opens none of them. */
const NOBODY: Kek = {
  uri: 'kms://nobody',
  wrap: never,
  unwrap: never,
  check: async () => {},
  close: async () => {},
};
