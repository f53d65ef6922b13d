import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { streamAudit } from './audit/stdout.ts';
import { readAdminToken } from './auth/admin-token.ts';
import { local } from './auth/local.ts';
import type { Config } from './config/schema.ts';
import type { AuditSink } from './core/audit.ts';
import type { Authenticator, Credentials } from './core/authenticator.ts';
import type { Principal } from './core/call.ts';
import type { Clock, Random } from './core/clock.ts';
import { KeysteadError } from './core/errors.ts';
import { Guard } from './core/guard.ts';
import type { Custody, KekInfo } from './core/kek.ts';
import { adminsOnly } from './core/policy.ts';
import { SecretBytes } from './core/secret-bytes.ts';
import type { SecretSource } from './core/secret-reference.ts';
import { parseKmsUri, redactUri, resolveSecrets } from './core/uri.ts';
import type { DataKeys } from './data-keys/data-keys.ts';
import { derivedDataKeys } from './data-keys/derived.ts';
import { guardedDataKeys } from './data-keys/guard.ts';
import { ClusterKek } from './providers/cluster/kek.ts';
import { type MasterSecret, readKekDir } from './providers/cluster/kek-dir.ts';
import { openSystem, type System } from './system/system.ts';
import { type Metrics, openMetrics } from './telemetry/metrics.ts';

export type { MasterSecret } from './providers/cluster/kek-dir.ts';

/** What the house takes from outside: tests bring their own. */
export interface Ambient {
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditSink;
  readonly metrics: Metrics;
  readonly version: string;
  /** Where references in URIs lead; absent: nowhere. */
  readonly secrets?: SecretSource;
  /** One of several processes that are one service; absent: the only one. */
  readonly member?: Member;
}

/** What the processes of one service have in common. */
export interface Member {
  /** The KEK that the service has already; nothing is read from the configuration. The house disposes it. */
  readonly kek: MasterSecret | undefined;
  readonly startedAt: Date;
  /** Gives the custody that all of them keep together, made of the one of this process. */
  share(local: Custody): Custody;
}

/** The real world: system clock and randomness, references in URIs followed, the audit trail on a stream. */
export function systemAmbient(from: { stdout: Writable; env: SecretSource['env'] }): Ambient {
  const clock: Clock = { now: () => new Date(), sleep: (ms, signal) => sleep(ms, undefined, { signal }) };
  return {
    clock,
    // Not randomBytes: that gives memory out of a pool that others use too.
    random: { bytes: (length) => randomFillSync(new Uint8Array(length)) },
    audit: streamAudit(from.stdout, { clock }),
    metrics: openMetrics(),
    version: packageVersion(),
    secrets: { env: from.env, readFile: (path) => readFile(path) },
  };
}

/** `../package.json` of the sources as of the built package. */
function packageVersion(): string {
  const text = readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The open house: what the porches need, and nothing else. */
export interface Services {
  readonly dataKeys: DataKeys;
  readonly system: System;
  readonly metrics: Metrics;
  /** True when nobody can be told from anybody: only liveness, readiness and status may answer. */
  readonly noCredentials: boolean;
  /** Re-reads who may call. Throws and keeps what was. Gives what has changed, in words. */
  reload(config: Config): Promise<readonly string[]>;
  /** From now on the service says of itself that it is closing; everything goes on being answered. */
  beginClosing(): void;
  /** Throws `no-credentials` or `bad-credentials`. */
  authenticate(credentials: Credentials): Promise<Principal>;
  close(): Promise<void>;
}

/** Builds doors, rooms and guard. The only file that knows everybody. */
export async function openServices(config: Config, ambient: Ambient): Promise<Services> {
  let authenticators = await openAuthenticators(config);
  const kek = new ClusterKek({ random: ambient.random, accept: acceptPinned(config.kek.fingerprint) });
  await giveKek(kek, ambient.member === undefined ? await readKek(config, ambient) : ambient.member.kek);
  const guard = new Guard({ policy: adminsOnly, audit: ambient.audit, clock: ambient.clock });
  let closing = false;
  return {
    dataKeys: guardedDataKeys({ inner: derivedDataKeys({ kek }), guard }),
    system: openSystem({
      guard,
      kek,
      custody: ambient.member?.share(kek) ?? kek,
      audit: ambient.audit,
      closing: () => closing,
      random: ambient.random,
      clock: ambient.clock,
      startedAt: ambient.member?.startedAt ?? ambient.clock.now(),
      about: {
        version: ambient.version,
        mode: 'derive',
        kms: kek.uri,
        storage: redactUri(config.storage),
        development: config.dev,
      },
    }),
    metrics: ambient.metrics,
    get noCredentials() {
      return authenticators.length === 0;
    },
    authenticate: (credentials) => authenticate(authenticators, credentials),
    async reload(next) {
      const opened = await openAuthenticators(next);
      const changed = opened.map(({ id }) => id).join() !== authenticators.map(({ id }) => id).join();
      authenticators = opened;
      return changed ? ['admin token'] : [];
    },
    beginClosing() {
      closing = true;
    },
    async close() {
      await kek.close();
      await ambient.audit.close();
    },
  };
}

/**
 * The master secret that the configuration gives: from `kek.dir`, from the URI, or a random one for development.
 * Undefined where none is given; the service is sealed then. The caller disposes it.
 */
export async function readKek(config: Config, ambient: Ambient): Promise<MasterSecret | undefined> {
  const { dir } = config.kek;
  const uri = parseKmsUri(config.kms);
  if (uri.provider !== 'cluster-kms') {
    if (dir === undefined) return undefined;
    throw new KeysteadError('bad-config', `kek.dir is for kms://cluster-kms; kms://${uri.provider} keeps its own key`);
  }
  const { key, salt } = await resolveSecrets(uri, ambient.secrets ?? NOWHERE);
  if (key !== undefined && salt !== undefined) {
    if (dir === undefined) return { masterSecret: key, salt };
    key.dispose();
    salt.dispose();
    throw new KeysteadError('bad-config', 'the KEK is given twice: in kek.dir and in the kms URI; give one of them');
  }
  if (dir !== undefined) return readKekDir(dir);
  if (!config.dev) return undefined;
  const generated = () => SecretBytes.own(ambient.random.bytes(GENERATED_LENGTH));
  return { masterSecret: generated(), salt: generated() };
}

/** Whether the KEK of this configuration stays when the process ends. */
export function kekIsGiven(config: Config): boolean {
  const uri = parseKmsUri(config.kms);
  return config.kek.dir !== undefined || uri.provider !== 'cluster-kms' || uri.key !== undefined;
}

const GENERATED_LENGTH = 32;
const NOWHERE: SecretSource = {
  env: {},
  readFile: () => {
    throw new KeysteadError('bad-config', 'references in URIs lead nowhere here');
  },
};

async function giveKek(kek: ClusterKek, given: MasterSecret | undefined): Promise<void> {
  if (given === undefined) return;
  try {
    await kek.bootstrap(given.masterSecret, given.salt);
  } finally {
    given.masterSecret.dispose();
    given.salt.dispose();
  }
}

/** Holds every KEK, given at start or by bootstrap, against the pinned fingerprint. */
function acceptPinned(fingerprint: string | undefined): (info: KekInfo) => Promise<void> {
  return async (info) => {
    if (fingerprint === undefined || info.fingerprint === fingerprint) return;
    throw new KeysteadError(
      'fingerprint-mismatch',
      `the KEK has fingerprint ${info.fingerprint}, and kek.fingerprint asks for ${fingerprint}; nothing was changed`,
    );
  };
}

async function openAuthenticators(config: Config): Promise<(Authenticator & { readonly id: string })[]> {
  if (config.dev) return [{ ...local, id: 'local' }];
  return config.admin.tokenFile === undefined ? [] : [await readAdminToken(config.admin.tokenFile)];
}

async function authenticate(authenticators: readonly Authenticator[], credentials: Credentials): Promise<Principal> {
  for (const authenticator of authenticators) {
    const principal = await authenticator.authenticate(credentials);
    if (principal !== undefined) return principal;
  }
  if (authenticators.length === 0) {
    throw new KeysteadError(
      'no-credentials',
      'no credentials are configured, so only liveness, readiness and status answer; start the service with an admin token file',
    );
  }
  if (credentials.authorization === undefined) {
    throw new KeysteadError('no-credentials', 'credentials are needed: send "Authorization: Bearer TOKEN"');
  }
  throw new KeysteadError('bad-credentials', 'the credentials were not accepted');
}
