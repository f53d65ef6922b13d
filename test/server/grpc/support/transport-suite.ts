import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import type { Test } from 'tap';
import type { Method } from '../../../../src/server/grpc/method.ts';
import { failureOf, grpcClient, same } from './grpc-client.ts';
import { answerOf, framed, rawCall, rawSession, rawStream } from './raw-client.ts';
import { LIMIT, testMethods } from './test-methods.ts';

export type OpenTransport = (t: Test, methods: readonly Method[]) => Promise<{ port: number }>;

/** What every gRPC transport of ours must do, whatever it is built on. */
export function transportSuite(t: Test, open: OpenTransport): void {
  messages(t, open);
  failures(t, open);
  time(t, open);
  streams(t, open);
}

function messages(t: Test, open: OpenTransport): void {
  t.test('an answer of any size comes whole, however small the window of the caller', async (t) => {
    const { methods } = testMethods();
    const { port } = await open(t, methods);
    const { call } = grpcClient(t, port);
    for (const size of [0, 1, 16_384, 65_535, 65_536, 3_000_000]) {
      t.ok(
        (await call('/test.Service/Big', Buffer.from(String(size)))).equals(Buffer.alloc(size, 'x')),
        `${size} bytes`,
      );
    }
    const slow = rawSession(t, port, { settings: { initialWindowSize: 100 } });
    const answer = await rawCall(slow, '/test.Service/Big', framed(Buffer.from('50000')));
    t.ok(answer.messages[0]?.equals(Buffer.alloc(50_000, 'x')));
    t.equal(answer.status, 0);
  });

  t.test('a request of 4 MiB is taken, a longer one is resource_exhausted', async (t) => {
    const { methods, seen } = testMethods();
    const { port } = await open(t, methods);
    const { call } = grpcClient(t, port);
    const most = Buffer.alloc(LIMIT, 'm');
    t.ok((await call('/test.Service/Echo', most)).equals(most));
    t.equal((await failureOf(call('/test.Service/Echo', Buffer.alloc(LIMIT + 1)))).code, status.RESOURCE_EXHAUSTED);
    t.same(seen, ['Echo']);
  });

  t.test('a length beyond the limit is refused before the message is there', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const stream = rawStream(rawSession(t, port), '/test.Service/Echo');
    const answer = answerOf(stream);
    stream.on('response', () => stream.end());
    stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
    t.equal((await answer).status, status.RESOURCE_EXHAUSTED);
  });

  t.test('gzip and identity requests are understood', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const session = rawSession(t, port);
    const text = Buffer.from('squeezed');
    const gzip = { 'grpc-encoding': 'gzip' };
    const both = await rawCall(session, '/test.Service/Echo', framed(gzipSync(text), 1), gzip);
    t.same(both.messages, [text]);
    const plain = await rawCall(session, '/test.Service/Echo', framed(text), gzip);
    t.same(plain.messages, [text], 'the flag says whether this message is compressed');
    const identity = await rawCall(session, '/test.Service/Echo', framed(text), { 'grpc-encoding': 'identity' });
    t.same(identity.messages, [text]);
  });

  t.test('another encoding is unimplemented', async (t) => {
    const { methods, seen } = testMethods();
    const { port } = await open(t, methods);
    const answer = await rawCall(rawSession(t, port), '/test.Service/Echo', framed(Buffer.from('x'), 1), {
      'grpc-encoding': 'snappy',
    });
    t.equal(answer.status, status.UNIMPLEMENTED);
    t.same(seen, []);
  });

  t.test('a small gzip message that grows beyond 4 MiB is resource_exhausted', async (t) => {
    const { methods, seen } = testMethods();
    const { port } = await open(t, methods);
    const bomb = framed(gzipSync(Buffer.alloc(LIMIT + 1)), 1);
    const answer = await rawCall(rawSession(t, port), '/test.Service/Echo', bomb, { 'grpc-encoding': 'gzip' });
    t.equal(answer.status, status.RESOURCE_EXHAUSTED);
    t.same(seen, []);
  });

  t.test('two messages and no message are unimplemented', async (t) => {
    const { methods, seen } = testMethods();
    const { port } = await open(t, methods);
    const session = rawSession(t, port);
    const one = framed(Buffer.from('one'));
    t.equal((await rawCall(session, '/test.Service/Echo', Buffer.concat([one, one]))).status, status.UNIMPLEMENTED);
    t.equal((await rawCall(session, '/test.Service/Echo', undefined)).status, status.UNIMPLEMENTED);
    t.same(seen, []);
  });

  t.test('a message in single bytes is put together', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const stream = rawStream(rawSession(t, port), '/test.Service/Echo');
    const answer = answerOf(stream);
    for (const byte of framed(Buffer.from('byte by byte'))) stream.write(Buffer.from([byte]));
    stream.end();
    t.same((await answer).messages, [Buffer.from('byte by byte')]);
  });
}

function failures(t: Test, open: OpenTransport): void {
  t.test('a failure carries its status and its text in any script', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const { call } = grpcClient(t, port);
    const failure = await failureOf(call('/test.Service/Fail', Buffer.from('100 % schön\n雪')));
    t.equal(failure.code, status.ALREADY_EXISTS);
    t.equal(failure.details, '100 % schön\n雪');
  });

  t.test('a method that breaks is internal, and its own words stay in the house', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const { call } = grpcClient(t, port);
    const failure = await failureOf(call('/test.Service/Crash', Buffer.from('')));
    t.equal(failure.code, status.INTERNAL);
    t.notMatch(failure.details, /secret/);
  });

  t.test('credentials that are not accepted reach no method', async (t) => {
    const { methods, seen } = testMethods();
    const { port } = await open(t, methods);
    const { call } = grpcClient(t, port);
    const failure = await failureOf(
      call('/test.Service/Echo', Buffer.from('x'), { metadata: { authorization: 'wrong' } }),
    );
    t.equal(failure.code, status.UNAUTHENTICATED);
    t.same(seen, []);
  });

  t.test('an unknown method, service or path is unimplemented', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const session = rawSession(t, port);
    for (const path of ['/test.Service/None', '/none.Service/Echo', '/', '/test.Service', '/test.Service/Echo?x=1']) {
      t.equal((await rawCall(session, path, framed(Buffer.from('x')))).status, status.UNIMPLEMENTED, path);
    }
  });

  t.test('another content type is HTTP 415', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const session = rawSession(t, port);
    for (const type of ['application/json', 'text/plain', 'application/grp']) {
      const answer = await rawCall(session, '/test.Service/Echo', framed(Buffer.from('x')), { 'content-type': type });
      t.equal(answer.http, 415, type);
    }
    const proto = await rawCall(session, '/test.Service/Echo', framed(Buffer.from('x')), {
      'content-type': 'application/grpc+proto',
    });
    t.equal(proto.status, 0);
  });

  t.test('the trace id of the caller goes on, another one is made where there is none', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const { call } = grpcClient(t, port);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const given = await call('/test.Service/Trace', Buffer.from(''), { metadata: { traceparent } });
    t.equal(given.toString(), '0af7651916cd43dd8448eb211c80319c');
    const [one, two] = await Promise.all([
      call('/test.Service/Trace', Buffer.from('')),
      call('/test.Service/Trace', Buffer.from('')),
    ]);
    t.match(one.toString(), /^[0-9a-f]{32}$/);
    t.notSame(one, two);
  });
}

function time(t: Test, open: OpenTransport): void {
  t.test('the deadline of the caller ends a call that hangs', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const session = rawSession(t, port);
    for (const timeout of ['1m', '1000u', '9999n', '0S']) {
      const answer = await rawCall(session, '/test.Service/Wait', framed(Buffer.from('')), { 'grpc-timeout': timeout });
      t.equal(answer.status, status.DEADLINE_EXCEEDED, timeout);
    }
  });

  t.test('a long deadline in every unit leaves a call alone', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const session = rawSession(t, port);
    for (const timeout of ['99999999H', '99999999M', '99999999S', '99999999m', '99999999u']) {
      const answer = await rawCall(session, '/test.Service/Echo', framed(Buffer.from('x')), {
        'grpc-timeout': timeout,
      });
      t.equal(answer.status, 0, timeout);
    }
  });

  t.test('a malformed deadline is internal', async (t) => {
    const { methods, seen } = testMethods();
    const { port } = await open(t, methods);
    const session = rawSession(t, port);
    for (const timeout of ['5', 'S', 'x', '1s']) {
      const answer = await rawCall(session, '/test.Service/Echo', framed(Buffer.from('x')), {
        'grpc-timeout': timeout,
      });
      t.equal(answer.status, status.INTERNAL, timeout);
    }
    t.same(seen, []);
  });

  t.test('a caller who goes away aborts the call', async (t) => {
    const { methods, nextWait } = testMethods();
    const { port } = await open(t, methods);
    const { client } = grpcClient(t, port);
    const waiting = nextWait();
    const call = client.makeUnaryRequest('/test.Service/Wait', same, same, Buffer.from(''), () => {});
    const { signal } = await waiting;
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
    call.cancel();
    await aborted;
    t.match(signal.reason, { reason: 'client-gone' });
  });
}

function streams(t: Test, open: OpenTransport): void {
  t.test('a stream of answers keeps its order and ends with a status', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const session = rawSession(t, port);
    const answer = await rawCall(session, '/test.Service/Count', framed(Buffer.from('100')));
    t.same(
      answer.messages.map(String),
      Array.from({ length: 100 }, (_, n) => String(n + 1)),
    );
    t.equal(answer.status, 0);
    const failed = await rawCall(session, '/test.Service/Count', framed(Buffer.from('13')));
    t.equal(failed.messages.length, 13);
    t.equal(failed.status, status.RESOURCE_EXHAUSTED);
  });

  t.test('many calls on one session do not wait for each other', async (t) => {
    const { methods, held, release } = testMethods();
    const { port } = await open(t, methods);
    const session = rawSession(t, port);
    const holding = Array.from({ length: 90 }, () => rawCall(session, '/test.Service/Hold', framed(Buffer.from(''))));
    await held(90);
    t.equal((await rawCall(session, '/test.Service/Echo', framed(Buffer.from('x')))).status, 0);
    release();
    t.same(
      (await Promise.all(holding)).filter((answer) => answer.status !== 0),
      [],
    );
  });

  t.test('a peer that resets its calls one after the other is cut off, and the others are served', async (t) => {
    const { port } = await open(t, testMethods().methods);
    const { call } = grpcClient(t, port);
    await call('/test.Service/Echo', Buffer.from('before'));
    const session = rawSession(t, port);
    const cut = new Promise<void>((resolve) => session.on('close', () => resolve()));
    const flood = () => {
      for (let n = 0; n < 100 && !session.destroyed; n++) {
        const stream = rawStream(session, '/test.Service/Wait');
        stream.close(8);
      }
      if (!session.destroyed) setImmediate(flood);
    };
    flood();
    await cut;
    t.equal(String(await call('/test.Service/Echo', Buffer.from('after'))), 'after');
  });
}
