import * as api from '@opentelemetry/api';
import { KeysteadError } from '../core/errors.ts';
import type { Passage } from '../core/passage.ts';
import type { RequestSpan, Tracing } from './tracing.ts';

/**
 * Spans through the API of OpenTelemetry.
 *
 * Source: OpenTelemetry semantic conventions for HTTP and RPC server spans.
 */
export function openTelemetry(version: string): Tracing {
  const tracer = api.trace.getTracer('keystead', version);
  return {
    request: (transport, route, headers, auditId) => {
      const parent = api.propagation.extract(api.ROOT_CONTEXT, headers);
      const options = { kind: api.SpanKind.SERVER, attributes: requestAttributes(transport, route, auditId) };
      const span = tracer.startSpan(route, options, parent);
      const within = api.trace.setSpan(parent, span);
      return requestSpan(span, transport, (work) => api.context.with(within, work));
    },
    passage: (door, provider) => upstreamSpans(tracer, door, provider),
  };
}

function requestAttributes(transport: string, route: string, auditId: string): Record<string, string> {
  const of = transport === 'http' ? { 'http.route': route } : { 'rpc.system': 'grpc', 'rpc.method': route };
  return { ...of, 'keystead.audit_id': auditId };
}

function requestSpan(span: api.Span, transport: 'http' | 'grpc', run: RequestSpan['run']): RequestSpan {
  const name = transport === 'http' ? 'http.response.status_code' : 'rpc.grpc.status_code';
  return {
    run,
    end(status, failed) {
      span.setAttribute(name, status);
      if (failed) span.setStatus({ code: api.SpanStatusCode.ERROR });
      span.end();
    },
  };
}

function upstreamSpans(tracer: api.Tracer, door: string, provider: string): Passage {
  return ({ operation, work }) => {
    const attributes = { 'keystead.door': door, 'keystead.provider': provider, 'keystead.operation': operation };
    return tracer.startActiveSpan(`${door} ${operation}`, { kind: api.SpanKind.CLIENT, attributes }, async (span) => {
      try {
        return await work();
      } catch (error) {
        const { reason } = KeysteadError.from(error);
        span.setAttribute('error.type', reason);
        span.setStatus({ code: api.SpanStatusCode.ERROR, message: reason });
        throw error;
      } finally {
        span.end();
      }
    });
  };
}
