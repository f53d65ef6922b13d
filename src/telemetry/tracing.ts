import type { Span, SpanKind, Tracer } from '@opentelemetry/api';
import { KeysteadError } from '../core/errors.ts';
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
 *
 * Source: OpenTelemetry semantic conventions for HTTP and RPC server spans.
 */
export async function openTracing(version: string): Promise<Tracing | undefined> {
  if ((globalThis as Record<symbol, unknown>)[GLOBAL] === undefined) return undefined;
  const api = await import('@opentelemetry/api');
  const tracer = api.trace.getTracer('keystead', version);
  return {
    request: (transport, route, headers, auditId) => {
      const parent = api.propagation.extract(api.ROOT_CONTEXT, headers);
      const options = { kind: api.SpanKind.SERVER, attributes: requestAttributes(transport, route, auditId) };
      const span = tracer.startSpan(route, options, parent);
      const within = api.trace.setSpan(parent, span);
      return requestSpan(span, transport, (work) => api.context.with(within, work));
    },
    passage: (door, provider) => upstreamSpans(tracer, api.SpanKind.CLIENT, door, provider),
  };
}

function requestAttributes(transport: string, route: string, auditId: string): Record<string, string> {
  const of = transport === 'http' ? { 'http.route': route } : { 'rpc.system': 'grpc', 'rpc.method': route };
  return { ...of, 'keystead.audit_id': auditId };
}

/** `SpanStatusCode.ERROR` of the API: its own constant would have to be loaded. */
const ERROR = 2;

function requestSpan(span: Span, transport: 'http' | 'grpc', run: RequestSpan['run']): RequestSpan {
  const name = transport === 'http' ? 'http.response.status_code' : 'rpc.grpc.status_code';
  return {
    run,
    end(status, failed) {
      span.setAttribute(name, status);
      if (failed) span.setStatus({ code: ERROR });
      span.end();
    },
  };
}

function upstreamSpans(tracer: Tracer, kind: SpanKind, door: string, provider: string): Passage {
  return ({ operation, work }) => {
    const attributes = { 'keystead.door': door, 'keystead.provider': provider, 'keystead.operation': operation };
    return tracer.startActiveSpan(`${door} ${operation}`, { kind, attributes }, async (span) => {
      try {
        return await work();
      } catch (error) {
        const { reason } = KeysteadError.from(error);
        span.setAttribute('error.type', reason);
        span.setStatus({ code: ERROR, message: reason });
        throw error;
      } finally {
        span.end();
      }
    });
  };
}
