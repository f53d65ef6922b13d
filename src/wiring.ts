import { authenticate, openAuthenticators } from './auth/authenticators.ts';
import type { Config } from './config/schema.ts';
import type { Credentials } from './core/authenticator.ts';
import type { Principal } from './core/call.ts';
import { Guard } from './core/guard.ts';
import type { TokenKey } from './core/page-token.ts';
import { adminsOnly } from './core/policy.ts';
import { redactUri } from './core/uri.ts';
import type { DataKeyJobs, DataKeys } from './data-keys/data-keys.ts';
import { guardedDataKeyJobs, guardedDataKeys } from './data-keys/guard.ts';
import { openSystem, type System } from './system/system.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { Ambient } from './wiring/ambient.ts';
import { closeDoors, openDoors } from './wiring/doors.ts';
import { openDataKeys } from './wiring/rooms.ts';

/** The open house: what the porches need, and nothing else. */
export interface Services {
  readonly dataKeys: DataKeys;
  readonly dataKeyJobs: DataKeyJobs;
  readonly system: System;
  /** Signs page tokens. */
  readonly tokenKey: TokenKey;
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
  const known = ({ dev, admin }: Config) => openAuthenticators({ dev, adminTokenFile: admin.tokenFile });
  let authenticators = await known(config);
  const doors = await openDoors(config, ambient);
  const { kek, custody, store } = doors;
  const room = openDataKeys(doors, config, ambient);
  const guard = new Guard({ policy: adminsOnly, audit: ambient.audit, clock: ambient.clock });
  let closing = false;
  return {
    dataKeys: guardedDataKeys({ inner: room.dataKeys, guard, handedOut: ambient.metrics.dataKey }),
    dataKeyJobs: guardedDataKeyJobs({ inner: room.jobs, guard }),
    system: openSystem({
      guard,
      kek,
      ...(custody === undefined ? {} : { custody: ambient.member?.share(custody) ?? custody }),
      doors: room.watched,
      audit: ambient.audit,
      closing: () => closing,
      random: ambient.random,
      clock: ambient.clock,
      startedAt: ambient.member?.startedAt ?? ambient.clock.now(),
      about: {
        version: ambient.version,
        mode: doors.mode,
        kms: kek.uri,
        storage: store?.uri ?? redactUri(config.storage),
        development: config.dev,
      },
    }),
    tokenKey: room.tokenKey,
    metrics: ambient.metrics,
    get noCredentials() {
      return authenticators.length === 0;
    },
    authenticate: (credentials) => authenticate(authenticators, credentials),
    async reload(next) {
      const opened = await known(next);
      const changed = opened.map(({ id }) => id).join() !== authenticators.map(({ id }) => id).join();
      authenticators = opened;
      return changed ? ['admin token'] : [];
    },
    beginClosing() {
      closing = true;
    },
    async close() {
      await room.close();
      await closeDoors(doors);
      await ambient.audit.close();
    },
  };
}
