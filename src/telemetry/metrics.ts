import { Counter, collectDefaultMetrics, Histogram, Registry } from '@prometheus-io/client';

/** What the service counts. Labels are closed lists: never an id, never a name that a caller chose. */
export interface Metrics {
  /** @param outcome the HTTP or gRPC status code. @param seconds from first byte in to last byte out. */
  request(transport: 'http' | 'grpc', route: string, outcome: number, seconds: number): void;
  /** A data key handed out. */
  dataKey(source: 'derived' | 'stored' | 'cache'): void;
  /** In the text format of Prometheus. */
  exposition(): Promise<{ readonly contentType: string; readonly body: string }>;
  readonly registry: Registry;
}

const BUCKETS = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

/** Metrics of one service in a registry of their own. */
export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'keystead_request_duration_seconds',
    help: 'Time from receiving a request to finishing its answer.',
    labelNames: ['transport', 'route', 'outcome'] as const,
    buckets: BUCKETS,
    registers: [registry],
  });
  const dataKeys = new Counter({
    name: 'keystead_data_keys_total',
    help: 'Data keys handed out, by where they came from.',
    labelNames: ['source'] as const,
    registers: [registry],
  });
  return {
    registry,
    request: (transport, route, outcome, seconds) =>
      requests.observe({ transport, route, outcome: String(outcome) }, seconds),
    dataKey: (source) => dataKeys.inc({ source }),
    exposition: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
