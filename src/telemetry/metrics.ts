import { Counter, collectDefaultMetrics, Histogram, Registry } from '@prometheus-io/client';
import type { Reason } from '../core/errors.ts';
import { requestDurations } from './request-durations.ts';

/** What the service counts. Labels are closed lists: never an id, never a name that a caller chose. */
export interface Metrics {
  /** @param outcome the HTTP or gRPC status code. @param seconds from first byte in to last byte out. */
  request(transport: 'http' | 'grpc', route: string, outcome: number, seconds: number): void;
  /** A data key handed out. */
  dataKey(source: 'derived' | 'stored' | 'cache'): void;
  /** A request, or one of a batch, that was answered with an error. */
  failure(reason: Reason): void;
  /** The policy has decided. */
  decision(allowed: boolean): void;
  /** A call to a KMS or a store. */
  upstream(door: 'kms' | 'storage', provider: string, call: UpstreamCall): void;
  /** In the text format of Prometheus. */
  exposition(): Promise<Exposition>;
  /** The present values, for another process of the service to add up. */
  snapshot(): Promise<Snapshot>;
  readonly registry: Registry;
}

/** How a call to a KMS or a store ended. */
export interface UpstreamCall {
  readonly operation: string;
  /** `ok`, or the reason of the error. */
  readonly outcome: string;
  readonly seconds: number;
}

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** The values of one process, plain data. */
export type Snapshot = readonly { readonly name: string; readonly type: string; readonly aggregator?: string }[];

const BUCKETS = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

const FROM_THE_START: readonly Reason[] = ['record-corrupt', 'context-mismatch', 'store-inconsistent'];

/** Metrics of one service in a registry of their own. */
export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const dataKeys = new Counter({
    name: 'keystead_data_keys_total',
    help: 'Data keys handed out, by where they came from.',
    labelNames: ['source'] as const,
    registers: [registry],
  });
  const failures = new Counter({
    name: 'keystead_failures_total',
    help: 'Requests that were answered with an error, by its reason.',
    labelNames: ['reason'] as const,
    registers: [registry],
  });
  // An alert on the first one needs to have seen none before.
  for (const reason of FROM_THE_START) failures.inc({ reason }, 0);
  const decisions = new Counter({
    name: 'keystead_policy_decisions_total',
    help: 'What the policy has decided.',
    labelNames: ['decision'] as const,
    registers: [registry],
  });
  const [allow, deny] = [decisions.labels({ decision: 'allow' }), decisions.labels({ decision: 'deny' })];
  // A rate needs to have seen none before.
  for (const counter of [allow, deny]) counter.inc(0);
  const upstream = new Histogram({
    name: 'keystead_upstream_duration_seconds',
    help: 'Time that calls to the KMS and to the store took.',
    labelNames: ['door', 'provider', 'operation', 'outcome'] as const,
    buckets: BUCKETS,
    registers: [registry],
  });
  const sources = new Map<string, { inc(): void }>();
  return {
    registry,
    request: requestDurations(registry),
    dataKey(source) {
      const counter = sources.get(source) ?? dataKeys.labels({ source });
      sources.set(source, counter);
      counter.inc();
    },
    failure: (reason) => failures.inc({ reason }),
    decision: (allowed) => (allowed ? allow : deny).inc(),
    upstream: (door, provider, { operation, outcome, seconds }) =>
      upstream.observe({ door, provider, operation, outcome }, seconds),
    exposition: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    snapshot: () => registry.getMetricsAsJSON(),
  };
}

/** Adds up what several processes count, each metric in its own way: sums, maxima, averages. */
export async function expositionOf(snapshots: readonly Snapshot[]): Promise<Exposition> {
  const registry = Registry.aggregate(snapshots as object[]);
  return { contentType: registry.contentType, body: await registry.metrics() };
}

/**
 * What must not be forgotten of processes that are gone, as one snapshot: counters and histograms, which never fall.
 */
export async function lastingOf(snapshots: readonly Snapshot[]): Promise<Snapshot> {
  const lasting = snapshots.map((metrics) => metrics.filter(({ type }) => type === 'counter' || type === 'histogram'));
  return Registry.aggregate(lasting as object[]).getMetricsAsJSON();
}
