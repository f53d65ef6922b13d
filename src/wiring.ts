import type { Config } from './config/schema.ts';
import type { Credentials } from './core/authenticator.ts';
import type { Principal } from './core/call.ts';
import { Guard } from './core/guard.ts';
import type { TokenKey } from './core/page-token.ts';
import { RateLimits } from './core/rate-limits.ts';
import { redactUri } from './core/uri.ts';
import {
  type GuardedDataKeyJobs,
  type GuardedDataKeys,
  guardedDataKeyJobs,
  guardedDataKeys,
} from './data-keys/guard.ts';
import { type ExplainRefusals, guardedRefusals } from './policy/guarded-refusals.ts';
import { openSystem, type System } from './system/system.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { Tracing } from './telemetry/tracing.ts';
import { type Ambient, NO_LOG } from './wiring/ambient.ts';
import { closeDoors, openDoors } from './wiring/doors.ts';
import { openKeepers } from './wiring/files.ts';
import { openDataKeys } from './wiring/rooms.ts';
import { showState } from './wiring/state.ts';
import type { TlsKeeper } from './wiring/tls.ts';

/** The open house: what the porches need, and nothing else. */
export interface Services {
  readonly dataKeys: GuardedDataKeys;
  readonly dataKeyJobs: GuardedDataKeyJobs;
  readonly system: System;
  /** Why callers were refused. */
  readonly refusals: ExplainRefusals;
  /** Signs page tokens. */
  readonly tokenKey: TokenKey;
  /** The certificate that is in force. */
  readonly tls: Pick<TlsKeeper, 'material' | 'onChange'>;
  readonly metrics: Metrics;
  /** Absent: nobody collects spans. */
  readonly tracing: Tracing | undefined;
  /** True when nobody can be told from anybody: only liveness, readiness and status may answer. */
  readonly noCredentials: boolean;
  /** Re-reads who may call. Throws and keeps what was. Gives what has changed, in words. */
  reload(config: Config): Promise<readonly string[]>;
  /** From now on the service says of itself that it is closing; everything goes on being answered. */
  beginClosing(): void;
  /** How much each caller may ask for, over all transports; absent: nobody is limited. */
  readonly rateLimits: RateLimits | undefined;
  /** Throws `no-credentials`, `bad-credentials`, `too-many-requests`, or an `unavailable` reason. */
  authenticate(credentials: Credentials): Promise<Principal>;
  close(): Promise<void>;
}

/** Builds doors, rooms and guard. The only file that knows everybody. */
export async function openServices(config: Config, ambient: Ambient): Promise<Services> {
  const { clock, log = NO_LOG } = ambient;
  const keepers = await openKeepers(config, { ...ambient, log });
  const { tls, policy, auth } = keepers;
  const doors = await openDoors(config, ambient).catch(async (error) => {
    await keepers.close();
    throw error;
  });
  const { kek, custody, store } = doors;
  const room = openDataKeys(doors, config, ambient);
  const guard = new Guard({ policy, audit: ambient.audit, clock, decided: policy.decided });
  const watched = showState(ambient, room.watched, {
    sealed: () => custody !== undefined && custody.info() === undefined,
    kekSecretFailing: () => custody?.report?.().problem !== undefined,
    reloadFailed: () => ({ policy: policy.failed, auth: auth.failed, tls: tls.failed }),
    certificateExpires: () => tls.status()?.notAfter,
  });
  let closing = false;
  return {
    dataKeys: guardedDataKeys({
      inner: room.dataKeys,
      guard,
      creates: doors.mode === 'wrap',
      handedOut: ambient.metrics.dataKey,
    }),
    dataKeyJobs: guardedDataKeyJobs({ inner: room.jobs, guard }),
    refusals: guardedRefusals({
      guard,
      find: ambient.member?.shareRefusals(policy.explain) ?? (async (auditId) => policy.explain(auditId)),
    }),
    system: openSystem({
      guard,
      policy: policy.status,
      kek,
      ...(custody === undefined ? {} : { custody: ambient.member?.share(custody) ?? custody }),
      doors: watched,
      kekSecret: () => custody?.report?.(),
      auth: () => auth.status(),
      callers: () => auth.callers(),
      tls: () => tls.status(),
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
    tls,
    metrics: ambient.metrics,
    tracing: ambient.tracing,
    rateLimits: rateLimits(config, clock),
    get noCredentials() {
      return auth.nobody;
    },
    authenticate: (credentials) => auth.authenticate(credentials),
    async reload(next) {
      const certificate = (await tls.reload(next)) ? ['TLS certificate'] : [];
      const changed = await auth.reload(next);
      return [...changed, ...((await policy.reload(next.policy.file)) ? ['policy'] : []), ...certificate];
    },
    beginClosing() {
      closing = true;
    },
    async close() {
      await keepers.close();
      await room.close();
      await closeDoors(doors);
      await ambient.audit.close();
    },
  };
}

function rateLimits({ dev, limits }: Config, clock: Ambient['clock']): RateLimits | undefined {
  const { requestsPerPrincipal: principal, requestsPerSource: source } = limits;
  return dev || principal + source === 0 ? undefined : new RateLimits({ principal, source }, clock);
}
