import { context, propagation, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { openTracing } from '../../src/telemetry/tracing.ts';
import { testCall } from '../support/services.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const call = testCall();

t.test('without an SDK there are no spans, and nothing is loaded', async (t) => {
  trace.disable();
  context.disable();
  propagation.disable();
  t.equal(await openTracing('1'), undefined);
});

t.test('with an SDK', async (t) => {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register();
  t.teardown(() => provider.shutdown());
  const tracing = await openTracing('1');
  if (tracing === undefined) throw new Error('tracing is off');

  t.beforeEach(() => exporter.reset());

  t.test('a request continues the caller’s trace, and calls upstream hang below it', async (t) => {
    const headers = { traceparent: `00-${TRACE}-${PARENT}-01` };
    const span = tracing.request('http', '/v1/data-keys/:id/get', headers, 'a'.repeat(32));
    const passage = tracing.passage('kms', 'aws');
    await span.run(() => passage({ operation: 'unwrap', call, work: async () => 1 }));
    span.end(200, false);
    const [upstream, request] = exporter.getFinishedSpans();
    t.equal(request?.spanContext().traceId, TRACE);
    t.equal(request?.parentSpanContext?.spanId, PARENT);
    t.equal(upstream?.parentSpanContext?.spanId, request?.spanContext().spanId);
    t.equal(upstream?.name, 'kms unwrap');
    t.match(request?.attributes, {
      'http.route': '/v1/data-keys/:id/get',
      'http.response.status_code': 200,
      'keystead.audit_id': 'a'.repeat(32),
    });
    t.match(upstream?.attributes, { 'keystead.provider': 'aws', 'keystead.operation': 'unwrap' });
  });

  t.test('a call upstream that fails says why by its reason, and no text of the error', async (t) => {
    const passage = tracing.passage('storage', 'gcp');
    const work = async (): Promise<void> => {
      throw new KeysteadError('store-unreachable', 'gs://secret-name could not be reached');
    };
    await t.rejects(passage({ operation: 'read', call, work }), { message: /could not be reached/ });
    const [span] = exporter.getFinishedSpans();
    t.equal(span?.attributes['error.type'], 'store-unreachable');
    t.notMatch(JSON.stringify([span?.attributes, span?.status, span?.events]), 'secret-name');
  });

  t.test('an answer that is the service’s own fault is marked', async (t) => {
    tracing.request('grpc', '/kms.API/GetDataKey', {}, 'b'.repeat(32)).end(13, true);
    const [span] = exporter.getFinishedSpans();
    t.match(span?.attributes, { 'rpc.method': '/kms.API/GetDataKey', 'rpc.grpc.status_code': 13 });
    t.equal(span?.status.code, 2);
  });
});
