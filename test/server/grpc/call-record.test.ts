import t from 'tap';
import { CallRecord } from '../../../src/server/grpc/call-record.ts';
import type { House } from '../../../src/server/grpc/house.ts';
import type { Method } from '../../../src/server/grpc/method.ts';

const PATH = '/test.Service/Echo';

/** A house that writes down what it is told. */
function house(tracing?: House['tracing']): { house: House; told: unknown[] } {
  const told: unknown[] = [];
  return {
    told,
    house: {
      methods: new Map([[PATH, {} as Method]]),
      metrics: {
        request: (...[transport, route, outcome, seconds]) => told.push([transport, route, outcome, seconds >= 0]),
        failure: () => {},
      },
      log: undefined,
      traceId: (traceparent) => `trace of ${String(traceparent)}`,
      peerOf: () => ({}),
      tracing,
    },
  };
}

t.test('a call is counted once, under its method and with its status', async (t) => {
  const { house: here, told } = house();
  const record = new CallRecord(here, { ':path': PATH, traceparent: 'p' });
  t.equal(record.traceId, 'trace of p');
  t.equal(await record.run(async () => 7), 7);
  t.same(told, []);
  record.end(5);
  t.same(told, [['grpc', PATH, 5, true]]);
});

t.test('a path that a caller made up is no label', async (t) => {
  const { house: here, told } = house();
  for (const headers of [{ ':path': '/made/up' }, {}]) new CallRecord(here, headers).end(12);
  t.same(told, [
    ['grpc', 'unknown', 12, true],
    ['grpc', 'unknown', 12, true],
  ]);
});

t.test('a span is about the call, and failed where the service did', async (t) => {
  for (const { status, failed } of [
    { status: 0, failed: false },
    { status: 7, failed: false },
    { status: 13, failed: true },
    { status: 14, failed: true },
    { status: 15, failed: true },
  ]) {
    const spans: unknown[] = [];
    const { house: here } = house({
      request: (...[transport, route, , traceId]) => ({
        run: (work) => {
          spans.push([transport, route, traceId]);
          return work();
        },
        end: (...ended) => spans.push(ended),
      }),
      passage: () => {
        throw new Error('a call goes upstream without its record');
      },
    });
    const record = new CallRecord(here, { ':path': PATH });
    t.equal(await record.run(async () => 'done'), 'done');
    record.end(status);
    t.same(spans, [
      ['grpc', PATH, 'trace of undefined'],
      [status, failed],
    ]);
  }
});
