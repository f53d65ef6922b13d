import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../src/config/load.ts';
import { readSmallFile } from '../../src/config/read-small-file.ts';
import type { Config } from '../../src/config/schema.ts';
import type { AuditEvent, AuditSink } from '../../src/core/audit.ts';
import type { Call } from '../../src/core/call.ts';
import { ADMIN_GROUP } from '../../src/core/policy.ts';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import type { Ambient } from '../../src/wiring/ambient.ts';
import { openServices, type Services } from '../../src/wiring.ts';

/** Settings to change in a test, group by group. */
export type ConfigChanges = {
  [Name in keyof Config]?: Config[Name] extends object ? Partial<Config[Name]> : Config[Name];
};

/** A configuration for tests: the defaults, but for any free port and development rights. */
export function testConfig(over: ConfigChanges = {}): Config {
  const base: Config = {
    ...loadConfig({ flags: {}, env: {}, readFile: () => new Uint8Array() }),
    http: { listen: '127.0.0.1:0' },
    grpc: { listen: '127.0.0.1:0' },
    dev: true,
  };
  const names = Object.keys(over) as (keyof Config)[];
  const merged = names.map((name) => {
    const group = base[name];
    return [name, typeof group === 'object' ? { ...group, ...(over[name] as object) } : over[name]];
  });
  return { ...base, ...Object.fromEntries(merged) };
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
    readFile: readSmallFile,
    ...over,
  };
}

/** Opens services for one test and closes them with it. */
export async function testServices(
  t: { teardown(fn: () => unknown): void },
  config: ConfigChanges = {},
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
