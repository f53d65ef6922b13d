import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../src/config/schema.ts';
import type { AuditEvent, AuditSink } from '../../src/core/audit.ts';
import type { Call } from '../../src/core/call.ts';
import { ADMIN_GROUP } from '../../src/core/policy.ts';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import type { Ambient } from '../../src/wiring/ambient.ts';
import { openServices, type Services } from '../../src/wiring.ts';

/** A configuration for tests: any free port, development rights, a random KEK. */
export function testConfig(over: Partial<Config> = {}): Config {
  return {
    kms: 'kms://cluster-kms',
    storage: 'storage://memory',
    kek: {},
    upstream: { timeout: 5000, concurrency: 128, rate: 1000, queue: 2048 },
    records: { deletionWindow: 30, constellation: false },
    cache: { ttl: 0, maxKeys: 10_000, offline: 0 },
    http: { listen: '127.0.0.1:0' },
    grpc: { listen: '127.0.0.1:0' },
    dev: true,
    workers: 1,
    admin: {},
    tls: {},
    insecurePlaintext: false,
    log: { level: 'info' },
    ...over,
  };
}

/** Remembers every audit event. */
export function rememberingAudit(): AuditSink & { readonly events: AuditEvent[] } {
  const events: AuditEvent[] = [];
  return { events, write: async (event) => void events.push(event), close: async () => {} };
}

export function testAmbient(over: Partial<Ambient> = {}): Ambient {
  return {
    clock: { now: () => new Date(), sleep: (ms, signal) => sleep(ms, undefined, { signal }) },
    random: { bytes: (length) => Uint8Array.from(randomBytes(length)) },
    audit: rememberingAudit(),
    metrics: openMetrics(),
    version: '0.0.0-test',
    ...over,
  };
}

/** Opens services for one test and closes them with it. */
export async function testServices(
  t: { teardown(fn: () => unknown): void },
  config: Partial<Config> = {},
  ambient: Partial<Ambient> = {},
): Promise<Services> {
  const services = await openServices(testConfig(config), testAmbient(ambient));
  t.teardown(() => services.close());
  return services;
}

/** A call by the local principal, with no deadline. */
export function testCall(over: Partial<Call> = {}): Call {
  return {
    principal: { kind: 'local', name: 'local', groups: [ADMIN_GROUP] },
    signal: new AbortController().signal,
    traceId: '0'.repeat(32),
    listener: 'internal',
    ...over,
  };
}
