import { once } from 'node:events';
import { type ClientHttp2Session, constants } from 'node:http2';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { mock } from 'node:test';
import { queryObjects } from 'node:v8';
import t from 'tap';
import type { Call } from '../../../src/core/call.ts';
import { ServedSession } from '../../../src/server/grpc/session.ts';
import { framed, rawCall, rawSession, rawStream } from './support/raw-client.ts';
import { testMethods } from './support/test-methods.ts';
import { ourTransport } from './support/transports.ts';

const ECHO = '/test.Service/Echo';
const CALM = constants.NGHTTP2_ENHANCE_YOUR_CALM;

async function echoes(session: ClientHttp2Session, times = 1): Promise<boolean> {
  for (let n = 0; n < times; n++) {
    if ((await rawCall(session, ECHO, framed(Buffer.from('x')))).status !== 0) return false;
  }
  return true;
}

/** Begins a call and resets it when the server has it. */
async function giveUp(session: ClientHttp2Session, arrival: Promise<Call>): Promise<void> {
  const stream = rawStream(session, '/test.Service/Wait');
  stream.end(framed(Buffer.from('')));
  const { signal } = await arrival;
  const aborted = once(signal, 'abort');
  stream.close(constants.NGHTTP2_CANCEL);
  await aborted;
}

/** The code of the GOAWAY that ends a session. */
async function goawayCode(session: ClientHttp2Session): Promise<number> {
  const [code] = await once(session, 'goaway');
  return code as number;
}

t.test('rapid resets end their session with ENHANCE_YOUR_CALM, and no other', async (t) => {
  sweeps(t); // No patience comes back meanwhile.
  const { methods, nextWait } = testMethods();
  const { port } = await ourTransport(t, methods);
  const good = rawSession(t, port);
  t.ok(await echoes(good));
  const bad = rawSession(t, port);
  const code = goawayCode(bad);
  let resets = 0;
  for (; resets < 500 && !bad.closed && !bad.destroyed; resets++) await Promise.race([giveUp(bad, nextWait()), code]);
  t.equal(await code, CALM);
  t.ok(resets > 300 && resets <= 401, `${resets} resets`);
  t.ok(await echoes(good));
});

t.test('calls given up now and then are nothing to mind', async (t) => {
  const tick = sweeps(t);
  const { methods, nextWait } = testMethods();
  const { port } = await ourTransport(t, methods);
  const session = rawSession(t, port);
  for (let n = 0; n < 600; n++) {
    await giveUp(session, nextWait());
    if (n % 200 === 199) tick(1);
  }
  t.ok(await echoes(session));
});

t.test(
  'a session over which nothing has happened for five minutes is ended, one with a call or a ping is not',
  async (t) => {
    const tick = sweeps(t);
    const { methods, nextWait } = testMethods();
    const { port } = await ourTransport(t, methods);
    const [idle, pinged, waiting] = [rawSession(t, port), rawSession(t, port), rawSession(t, port)];
    for (const session of [idle, pinged]) t.ok(await echoes(session));
    const arrival = nextWait();
    rawStream(waiting, '/test.Service/Wait').end(framed(Buffer.from('')));
    await arrival;
    const ended = once(idle, 'close');
    tick(59);
    await new Promise((resolve) => pinged.ping(resolve));
    tick(2);
    await ended;
    t.ok(await echoes(pinged));
    t.ok(await echoes(waiting));
  },
);

/** Stops the time between two looks at every session; gives how to have some of them. */
function sweeps(t: { teardown(fn: () => unknown): void }): (times: number) => void {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  return (times) => mock.timers.tick(times * 5000);
}

t.test('a flood of pings ends its session with ENHANCE_YOUR_CALM', async (t) => {
  sweeps(t);
  const { port } = await ourTransport(t, testMethods().methods);
  const session = rawSession(t, port, { maxOutstandingPings: 2000 });
  t.ok(await echoes(session));
  const code = goawayCode(session);
  for (let n = 0; n < 600; n++) session.ping(() => {});
  t.equal(await code, CALM);
});

t.test('a ping for each answer is nothing to mind', async (t) => {
  const { port } = await ourTransport(t, testMethods().methods);
  const session = rawSession(t, port);
  for (let n = 0; n < 700; n++) {
    const pong = new Promise((resolve) => session.ping(resolve));
    if (!(await echoes(session))) return t.fail('the session was ended');
    await pong;
  }
  t.pass('700 pings');
});

t.test('a flood of settings ends its session with ENHANCE_YOUR_CALM', async (t) => {
  sweeps(t);
  const { port } = await ourTransport(t, testMethods().methods);
  const session = rawSession(t, port);
  t.ok(await echoes(session));
  const code = goawayCode(session);
  let ended = false;
  void code.then(() => {
    ended = true;
  });
  for (let n = 0; n < 600 && !ended; n++) {
    const acknowledged = new Promise<void>((resolve) =>
      session.settings({ initialWindowSize: 65_535 + n }, () => resolve()),
    );
    await Promise.race([acknowledged, code]);
  }
  t.equal(await code, CALM);
});

t.test('headers beyond 32 KiB or a hundred pairs are refused, and the session goes on', async (t) => {
  const { methods, seen } = testMethods();
  const { port } = await ourTransport(t, methods);
  const session = rawSession(t, port);
  t.ok(await echoes(session), 'and the settings are known to both');
  const long = await rawCall(session, ECHO, framed(Buffer.from('x')), { padding: 'x'.repeat(40_000) });
  t.equal(long.status, undefined);
  const many = Object.fromEntries(Array.from({ length: 120 }, (_, n) => [`x-${n}`, 'x']));
  t.equal((await rawCall(session, ECHO, framed(Buffer.from('x')), many)).status, undefined);
  t.ok(await echoes(session));
  t.same(seen, ['Echo', 'Echo']);
});

t.test('a session has 200 calls at once at most', async (t) => {
  const { methods, held, release } = testMethods();
  const { port } = await ourTransport(t, methods);
  const session = rawSession(t, port);
  await once(session, 'remoteSettings');
  t.equal(session.remoteSettings.maxConcurrentStreams, 200);
  const holding = Array.from({ length: 250 }, () => rawCall(session, '/test.Service/Hold', framed(Buffer.from(''))));
  await held(200);
  release();
  t.same(
    (await Promise.all(holding)).filter(({ status }) => status !== 0),
    [],
  );
});

t.test('a ping is answered', async (t) => {
  const { port } = await ourTransport(t, testMethods().methods);
  const session = rawSession(t, port);
  t.ok(await echoes(session));
  const payload = Buffer.from('8 bytes.');
  const [, , returned] = await new Promise<[Error | null, number, Buffer]>((resolve) =>
    session.ping(payload, (...given) => resolve(given)),
  );
  t.same(returned, payload);
});

t.test('HTTP/1.1 is told politely what this port speaks', async (t) => {
  const { port } = await ourTransport(t, testMethods().methods);
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  const answer = await text(socket);
  t.match(answer, /^HTTP\/1\.1 505 .*this port speaks gRPC/s);
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  t.equal(Number(/content-length: (\d+)/.exec(head)?.[1]), body.length);
});

t.test('noise, half a preface and connections that just end disturb nobody', async (t) => {
  const { port } = await ourTransport(t, testMethods().methods);
  for (const noise of ['\x16\x03\x01\x02', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all', 'PRI * HT', 'P', '']) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.end(noise, 'latin1');
    socket.resume();
    await once(socket, 'close');
  }
  t.ok(await echoes(rawSession(t, port)));
});

t.test('nothing is kept of a session that has ended', async (t) => {
  const kept = () => queryObjects(ServedSession, { format: 'count' });
  const before = kept();
  const { port, server } = await ourTransport(t, testMethods().methods);
  for (let n = 0; n < 10; n++) {
    const session = rawSession(t, port);
    t.ok(await echoes(session));
    session.destroy();
  }
  await server.drain(60_000);
  t.ok(kept() <= before);
});
