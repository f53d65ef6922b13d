import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { adminToken } from './auth/admin-token.ts';
import { local } from './auth/local.ts';
import type { Config } from './config/schema.ts';
import type { AuditSink } from './core/audit.ts';
import type { Authenticator, Credentials } from './core/authenticator.ts';
import type { Principal } from './core/call.ts';
import type { Clock, Random } from './core/clock.ts';
import { KeysteadError } from './core/errors.ts';
import { Guard } from './core/guard.ts';
import { adminsOnly } from './core/policy.ts';
import { SecretBytes } from './core/secret-bytes.ts';
import type { DataKeys } from './data-keys/data-keys.ts';
import { derivedDataKeys } from './data-keys/derived.ts';
import { guardedDataKeys } from './data-keys/guard.ts';
import { ClusterKek } from './providers/cluster/kek.ts';
import { openSystem, type System } from './system/system.ts';
import type { Metrics } from './telemetry/metrics.ts';

/** What the house takes from outside: tests bring their own. */
export interface Ambient {
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditSink;
  readonly metrics: Metrics;
  readonly version: string;
}

/** The open house: what the porches need, and nothing else. */
export interface Services {
  readonly dataKeys: DataKeys;
  readonly system: System;
  readonly metrics: Metrics;
  /** True when nobody can be told from anybody: only liveness, readiness and status may answer. */
  readonly noCredentials: boolean;
  /** Throws `no-credentials` or `bad-credentials`. */
  authenticate(credentials: Credentials): Promise<Principal>;
  close(): Promise<void>;
}

/** Builds doors, rooms and guard. The only file that knows everybody. */
export async function openServices(config: Config, ambient: Ambient): Promise<Services> {
  const kek = new ClusterKek({ random: ambient.random });
  await giveKek(kek, config, ambient);
  const guard = new Guard({ policy: adminsOnly, audit: ambient.audit, clock: ambient.clock });
  const authenticators = openAuthenticators(config);
  return {
    dataKeys: guardedDataKeys({ inner: derivedDataKeys({ kek }), guard }),
    system: openSystem({
      guard,
      kek,
      custody: kek,
      random: ambient.random,
      clock: ambient.clock,
      about: {
        version: ambient.version,
        mode: 'derive',
        kms: kek.uri,
        storage: config.storage,
        development: config.dev,
      },
    }),
    metrics: ambient.metrics,
    noCredentials: authenticators.length === 0,
    authenticate: (credentials) => authenticate(authenticators, credentials),
    async close() {
      await kek.close();
      await ambient.audit.close();
    },
  };
}

async function giveKek(kek: ClusterKek, config: Config, ambient: Ambient): Promise<void> {
  const secrets =
    config.kek.dir !== undefined
      ? [readFileSync(join(config.kek.dir, 'mastersecret')), readFileSync(join(config.kek.dir, 'salt'))]
      : config.dev
        ? [ambient.random.bytes(32), ambient.random.bytes(32)]
        : undefined;
  if (secrets === undefined) return;
  const [masterSecret, salt] = secrets.map((bytes) => SecretBytes.own(bytes)) as [SecretBytes, SecretBytes];
  try {
    await kek.bootstrap(masterSecret, salt);
  } finally {
    masterSecret.dispose();
    salt.dispose();
  }
}

function openAuthenticators(config: Config): Authenticator[] {
  if (config.dev) return [local];
  return config.admin.tokenFile === undefined ? [] : [adminToken(readFileSync(config.admin.tokenFile, 'utf8'))];
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
