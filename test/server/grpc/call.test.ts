import { once } from 'node:events';
import { constants } from 'node:http2';
import { connect } from 'node:net';
import { mock } from 'node:test';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { answerOf, framed, rawCall, rawSession, rawStream } from './support/raw-client.ts';
import { testMethods } from './support/test-methods.ts';
import { type Observed, ourTransport } from './support/transports.ts';

const ECHO = '/test.Service/Echo';

t.test('a refusal says in HTTP and in gRPC what is wrong, and stops the caller from sending', async (t) => {
  const { port } = await ourTransport(t, testMethods().methods);
  const session = rawSession(t, port);
  for (const { headers, http, code } of [
    { headers: { 'content-type': 'application/json' }, http: 415, code: status.INVALID_ARGUMENT },
    { headers: { 'content-type': undefined }, http: 415, code: status.INVALID_ARGUMENT },
    { headers: { ':method': 'PUT' }, http: 405, code: status.INTERNAL },
    { headers: { 'grpc-timeout': '123456789S' }, http: 400, code: status.INTERNAL },
    { headers: { 'grpc-encoding': 'br' }, http: 200, code: status.UNIMPLEMENTED },
    { headers: { authorization: 'wrong' }, http: 200, code: status.UNAUTHENTICATED },
  ]) {
    const stream = rawStream(session, ECHO, headers);
    const answer = answerOf(stream);
    stream.write(Buffer.alloc(10));
    const { http: gotHttp, status: gotStatus, reset } = await answer;
    t.same({ http: gotHttp, code: gotStatus, reset }, { http, code, reset: constants.NGHTTP2_NO_ERROR });
  }
});

t.test('the encodings that there are stand beside the refusal of another one', async (t) => {
  const { port } = await ourTransport(t, testMethods().methods);
  const answer = await rawCall(rawSession(t, port), ECHO, framed(Buffer.from('x')), { 'grpc-encoding': 'br' });
  t.equal(answer.headers['grpc-accept-encoding'], 'identity,gzip');
});

t.test('a frame that is not one is internal and reaches no method', async (t) => {
  const { methods, seen } = testMethods();
  const { port } = await ourTransport(t, methods);
  const session = rawSession(t, port);
  const gzip = { 'grpc-encoding': 'gzip' };
  const whole = gzipSync(Buffer.from('squeezed'));
  for (const { name, body, headers } of [
    { name: 'compressed without an encoding', body: framed(whole, 1), headers: {} },
    { name: 'compressed with identity', body: framed(whole, 1), headers: { 'grpc-encoding': 'identity' } },
    { name: 'an unknown flag', body: framed(whole, 2), headers: gzip },
    { name: 'not gzip at all', body: framed(Buffer.from('nonsense'), 1), headers: gzip },
    { name: 'gzip cut short', body: framed(whole.subarray(0, -9), 1), headers: gzip },
    { name: 'a prefix cut short', body: Buffer.from([0, 0, 0]), headers: {} },
    { name: 'a message cut short', body: framed(Buffer.from('whole')).subarray(0, -1), headers: {} },
  ]) {
    t.equal((await rawCall(session, ECHO, body, headers)).status, status.INTERNAL, name);
  }
  t.same(seen, []);
});

t.test('who is not admitted is told so before the message has come', async (t) => {
  const { port } = await ourTransport(t, testMethods().methods);
  const stream = rawStream(rawSession(t, port), ECHO, { authorization: 'wrong' });
  t.equal((await answerOf(stream)).status, status.UNAUTHENTICATED);
});

t.test('a failure carries its reason as google.rpc.ErrorInfo', async (t) => {
  const { port } = await ourTransport(t, testMethods().methods);
  const answer = await rawCall(rawSession(t, port), '/test.Service/Fail', framed(Buffer.from('there already')));
  const details = Buffer.from(String(answer.headers['grpc-status-details-bin']), 'base64').toString('latin1');
  t.match(details, /there already.*google\.rpc\.ErrorInfo.*data-key-exists.*keystead/s);
});

t.test('every answer is wiped once it is sent, and when nobody waits for it any more', async (t) => {
  const { methods, answers, held, release } = testMethods();
  const { port } = await ourTransport(t, methods);
  const session = rawSession(t, port);
  const echoed = await rawCall(session, ECHO, framed(Buffer.from('a key')));
  t.equal(String(echoed.messages[0]), 'a key');
  t.same(answers.splice(0), [Buffer.alloc(5)]);

  const late = methods.find(({ path }) => path.endsWith('Hold'));
  const kept = Buffer.from('too late');
  if (late !== undefined && 'answer' in late) {
    const { answer } = late;
    Object.assign(late, { answer: (...args: Parameters<typeof answer>) => answer(...args).then(() => kept) });
  }
  const { port: other } = await ourTransport(t, methods);
  const waiting = held(1);
  const gone = rawCall(rawSession(t, other), '/test.Service/Hold', framed(Buffer.from('')), { 'grpc-timeout': '1m' });
  await waiting;
  t.equal((await gone).status, status.DEADLINE_EXCEEDED);
  release();
  await new Promise((resolve) => setImmediate(resolve));
  t.same(kept, Buffer.alloc(8));
});

t.test('every call is counted once, under a route from a closed list', async (t) => {
  const observed: Observed[] = [];
  const { methods, nextWait } = testMethods();
  const { port, server } = await ourTransport(t, methods, { observed });
  const session = rawSession(t, port);
  await rawCall(session, ECHO, framed(Buffer.from('x')));
  await rawCall(session, '/made/Up', framed(Buffer.from('x')));
  await rawCall(session, '/test.Service/Fail', framed(Buffer.from('x')));
  const waiting = nextWait();
  const stream = rawStream(session, '/test.Service/Wait');
  stream.end(framed(Buffer.from('')));
  const { signal } = await waiting;
  const aborted = once(signal, 'abort');
  stream.close(constants.NGHTTP2_CANCEL);
  await aborted;
  await server.close();
  t.same(observed, [
    { route: ECHO, outcome: 0 },
    { route: 'unknown', outcome: status.UNIMPLEMENTED },
    { route: '/test.Service/Fail', outcome: status.ALREADY_EXISTS },
    { route: '/test.Service/Wait', outcome: status.CANCELLED },
  ]);
});

t.test('what nobody expected is in the log, with the trace id', async (t) => {
  const logged: { err?: Error; traceId?: string }[] = [];
  const { port } = await ourTransport(t, testMethods().methods, { logged });
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await rawCall(rawSession(t, port), '/test.Service/Crash', framed(Buffer.from('')), { traceparent });
  t.match(logged, [{ err: { message: 'a secret of the house' }, traceId: '0af7651916cd43dd8448eb211c80319c' }]);
});

t.test('a message that has not arrived after half a minute is given up, a method may take longer', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const { methods, held, release } = testMethods();
  const { port } = await ourTransport(t, methods);
  const session = rawSession(t, port);
  const holding = rawCall(session, '/test.Service/Hold', framed(Buffer.from('')));
  await held(1);
  const slow = rawStream(session, ECHO);
  const answer = answerOf(slow);
  slow.write(framed(Buffer.from('slow')).subarray(0, -1));
  await rawCall(session, ECHO, framed(Buffer.from('behind it')));
  mock.timers.tick(7 * 5000);
  t.equal((await answer).status, status.DEADLINE_EXCEEDED);
  release();
  t.equal((await holding).status, 0);
});

t.test('an answer that its caller does not take within half a minute is given up and wiped', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const { methods, answers } = testMethods();
  const { port } = await ourTransport(t, methods);
  const closed = rawSession(t, port, { settings: { initialWindowSize: 0 } });
  const [unary, streamed] = [rawStream(closed, ECHO), rawStream(closed, '/test.Service/Count')];
  const ends = [answerOf(unary), answerOf(streamed)];
  const begun = [once(unary, 'response'), once(streamed, 'response')];
  unary.end(framed(Buffer.from('a key of somebody')));
  streamed.end(framed(Buffer.from('3')));
  await Promise.all(begun);
  mock.timers.tick(6 * 5000);
  t.equal((await rawCall(rawSession(t, port), ECHO, framed(Buffer.from('another')))).status, 0);
  t.notOk(unary.closed || streamed.closed);
  mock.timers.tick(5000);
  for (const { reset, messages, status } of await Promise.all(ends)) {
    t.same([reset, messages, status], [constants.NGHTTP2_CANCEL, [], undefined]);
  }
  t.ok(answers.every((answer) => answer.every((byte) => byte === 0)));
});

t.test('more connections than there may be are ended at once, the others go on', async (t) => {
  const { port } = await ourTransport(t, testMethods().methods, { connections: 1 });
  const session = rawSession(t, port);
  t.equal((await rawCall(session, ECHO, framed(Buffer.from('x')))).status, 0);
  const tooMany = connect(port, '127.0.0.1').on('error', () => {});
  await new Promise((resolve) => tooMany.resume().once('close', resolve));
  t.equal((await rawCall(session, ECHO, framed(Buffer.from('x')))).status, 0);
});
