import type { Passage } from '../core/passage.ts';

/** One request as a span. */
export interface RequestSpan {
  /** Runs the request; what it calls upstream hangs below its span. */
  run<T>(work: () => T): T;
  /** @param status of HTTP or gRPC. @param failed true where the service is to blame. */
  end(status: number, failed: boolean): void;
}

/** Spans through the OpenTelemetry API, which the operator's SDK collects. Never an id, a name or a key in them. */
export interface Tracing {
  /**
   * @param headers of the request: a `traceparent` in them becomes the parent.
   * @param auditId the audit id of the request, by which its audit line is found.
   */
  request(transport: 'http' | 'grpc', route: string, headers: object, auditId: string): RequestSpan;
  /** A span around each call to a KMS or a store. */
  passage(door: 'kms' | 'storage', provider: string): Passage;
}

/** Where OpenTelemetry's API keeps what an SDK has registered, for every copy of the API in the process. */
const GLOBAL = Symbol.for('opentelemetry.js.api.1');

/**
 * Undefined where no SDK was registered before (`node --import …`): then nothing is loaded, and a request costs nothing.
 */
export async function openTracing(version: string): Promise<Tracing | undefined> {
  if ((globalThis as Record<symbol, unknown>)[GLOBAL] === undefined) return undefined;
  return (await import('./open-telemetry.ts')).openTelemetry(version);
}
