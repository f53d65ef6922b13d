import type { IncomingHttpHeaders } from 'node:http2';
import { type Metadata, Server, ServerCredentials, type status, type UntypedHandleCall } from '@grpc/grpc-js';
import type { Clock } from '../../../../src/core/clock.ts';
import { KeysteadError } from '../../../../src/core/errors.ts';
import { traceIds } from '../../../../src/core/trace-id.ts';
import type { Gate } from '../../../../src/server/gate.ts';
import { LiveCall } from '../../../../src/server/grpc/live-call.ts';
import type { Method } from '../../../../src/server/grpc/method.ts';
import { openTransport } from '../../../../src/server/grpc/transport.ts';
import { peers } from '../../../../src/server/peers.ts';
import type { Porch } from '../../../../src/server/porch.ts';
import type { TlsMaterial } from '../../../../src/wiring/tls-file.ts';
import { listening } from '../../../support/gate.ts';
import { testAmbient } from '../../../support/services.ts';

interface T {
  teardown(fn: () => unknown): void;
}

export interface Observed {
  readonly route: string;
  readonly outcome: number;
}

/** Our transport with these methods, on a free port, closed with the test. */
export async function ourTransport(
  t: T,
  methods: readonly Method[],
  over: { clock?: Clock; tls?: TlsMaterial; observed?: Observed[]; logged?: unknown[]; connections?: number } = {},
): Promise<{ port: number; server: Porch; gate: Gate }> {
  const { logged, observed } = over;
  const log = logged && { error: (line: unknown) => logged.push(line), warn: () => {}, debug: () => {} };
  const server = openTransport({
    house: {
      methods: new Map(methods.map((method) => [method.path, method])),
      metrics: {
        request: (_transport, route, outcome) => void observed?.push({ route, outcome }),
        failure: () => {},
      },
      log: log as never,
      traceId: traceIds(),
      peerOf: peers(),
    },
    clock: over.clock ?? testAmbient().clock,
    tls: over.tls,
    draining: new AbortController(),
    connections: over.connections ?? 1000,
  });
  return { server, ...(await listening(t, server)) };
}

/** The same methods on grpc-js: what a transport must do is judged by both. */
export async function grpcJsTransport(t: T, methods: readonly Method[]): Promise<{ port: number }> {
  const same = (bytes: Buffer) => bytes;
  const server = new Server({ 'grpc.max_receive_message_length': 4 * 1024 * 1024 });
  const traceId = traceIds();
  for (const method of methods) {
    const responseStream = 'answers' in method;
    server.addService(
      {
        it: {
          path: method.path,
          requestStream: false,
          responseStream,
          requestSerialize: same,
          requestDeserialize: same,
          responseSerialize: same,
          responseDeserialize: same,
        },
      },
      { it: handler(method, traceId) },
    );
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  t.teardown(() => server.forceShutdown());
  return { port };
}

function handler(method: Method, traceId: (traceparent: unknown) => string): UntypedHandleCall {
  const open = async (call: { metadata: Metadata; on(event: 'cancelled', fn: () => void): unknown }) => {
    const headers = call.metadata.getMap() as IncomingHttpHeaders;
    const { authorization } = headers;
    const principal = await method.admit(
      authorization === undefined ? { listener: 'grpc' } : { listener: 'grpc', authorization },
    );
    const live = new LiveCall(principal, traceId(headers['traceparent']));
    call.on('cancelled', () => live.abort(new KeysteadError('client-gone', 'the caller went away')));
    return live;
  };
  const failed = (error: unknown) => {
    const failure = KeysteadError.from(error);
    return { code: failure.grpcStatus as status, details: failure.message };
  };
  if ('answer' in method) {
    return ((call: unknown, callback: (error: unknown, answer?: unknown) => void) => {
      open(call as never)
        .then((live) => method.answer((call as { request: Buffer }).request, live))
        .then(
          (answer) => callback(null, Buffer.from(answer)),
          (error) => callback(failed(error)),
        );
    }) as never;
  }
  return ((call: { request: Buffer; write(m: unknown): void; end(): void; emit(e: string, x: unknown): void }) => {
    void (async () => {
      try {
        const live = await open(call as never);
        for await (const message of method.answers(call.request, live)) call.write(Buffer.from(message));
        call.end();
      } catch (error) {
        call.emit('error', failed(error));
      }
    })();
  }) as never;
}
