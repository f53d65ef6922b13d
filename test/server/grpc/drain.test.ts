import { once } from 'node:events';
import { constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { authority } from '../../support/certificates.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { framed, rawCall, rawSession } from './support/raw-client.ts';
import { testMethods } from './support/test-methods.ts';
import { ourTransport } from './support/transports.ts';

const ECHO = '/test.Service/Echo';
const HOLD = '/test.Service/Hold';
const EMPTY = framed(Buffer.from(''));
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const identity = authority('test').issue('server');
const serverTls = { cert: Buffer.from(identity.cert), key: Buffer.from(identity.key) };

t.test('calls in flight are answered while the server drains', async (t) => {
  const { methods, held, release } = testMethods();
  const { port, server } = await ourTransport(t, methods);
  const sessions = Array.from({ length: 5 }, () => rawSession(t, port));
  const holding = sessions.flatMap((session) => Array.from({ length: 20 }, () => rawCall(session, HOLD, EMPTY)));
  await held(100);
  const drained = server.drain(60_000);
  release();
  t.same(
    (await Promise.all(holding)).filter(({ status }) => status !== 0),
    [],
  );
  t.equal(await drained, 0);
});

t.test('under load every call is answered, or known to its caller as never begun', async (t) => {
  const { methods, seen } = testMethods();
  const { port, server, gate } = await ourTransport(t, methods);
  let answered = 0;
  const odd: unknown[] = [];
  const load = async () => {
    const session = rawSession(t, port);
    while (!session.closed && !session.destroyed) {
      const { status, reset } = await rawCall(session, ECHO, framed(Buffer.from('x')));
      if (status === 0) answered++;
      else if (reset !== constants.NGHTTP2_REFUSED_STREAM) odd.push({ status, reset });
    }
  };
  const loads = Array.from({ length: 20 }, load);
  while (answered < 500) await new Promise((resolve) => setImmediate(resolve));
  await gate.close();
  await server.drain(60_000);
  await Promise.all(loads);
  t.same(odd, []);
  t.equal(answered, seen.length, 'no call that began was lost');
});

t.test('a connection that was just made may still bring its call', async (t) => {
  const { methods } = testMethods();
  const { port, server } = await ourTransport(t, methods);
  const session = rawSession(t, port);
  await once(session, 'remoteSettings');
  const drained = server.drain(60_000);
  t.equal((await rawCall(session, ECHO, framed(Buffer.from('x')))).status, 0);
  await drained;
});

t.test('a session between two calls may bring one more, which is answered', async (t) => {
  const { methods } = testMethods();
  const { port, server } = await ourTransport(t, methods);
  const session = rawSession(t, port);
  t.equal((await rawCall(session, ECHO, framed(Buffer.from('x')))).status, 0);
  const drained = server.drain(60_000);
  t.equal((await rawCall(session, ECHO, framed(Buffer.from('y')))).status, 0);
  await drained;
});

t.test('connections that have brought nothing do not hold up the end', async (t) => {
  const clock = new FakeClock();
  const { methods } = testMethods();
  const cleartext = await ourTransport(t, methods, { clock });
  const encrypted = await ourTransport(t, methods, { clock, tls: serverTls });
  const open = [
    ...['', 'PRI * HT', PREFACE, '\x16\x03\x01\x02'].map((said) => [cleartext.port, said] as const),
    ...['', '\x16\x03\x01\x02'].map((said) => [encrypted.port, said] as const),
  ].map(([port, said]) =>
    connect(port, '127.0.0.1', function (this: Socket) {
      this.write(said, 'latin1');
    }),
  );
  const tls = connectTls({ port: encrypted.port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  const closed = [...open, tls].map((socket) => {
    socket.on('error', () => {}).resume();
    return new Promise((resolve) => socket.once('close', resolve));
  });
  await once(tls, 'secureConnect');
  await Promise.all([cleartext.gate.close(), encrypted.gate.close()]);
  const drained = [cleartext.server.drain(10_000), encrypted.server.drain(10_000)];
  await advance(clock, 700);
  t.same(await Promise.all(drained), [0, 0]);
  await Promise.all(closed);
});

/** Lets time pass in steps, so that whoever sleeps again and again does. */
async function advance(clock: FakeClock, ms: number): Promise<void> {
  while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let passed = 0; passed < ms; passed += 100) await clock.advance(100);
}

t.test('what is not done at the deadline is cut off and counted', async (t) => {
  const clock = new FakeClock();
  const { methods, held } = testMethods();
  const { port, server } = await ourTransport(t, methods, { clock });
  const holding = rawCall(rawSession(t, port), HOLD, EMPTY);
  await held(1);
  const drained = server.drain(1000);
  await advance(clock, 1000);
  t.equal(await drained, 1);
  t.not((await holding).status, 0);
});

t.test('closing ends everything, twice is as good as once, and a server that never listened closes too', async (t) => {
  const { methods, held } = testMethods();
  const { port, server } = await ourTransport(t, methods);
  const holding = rawCall(rawSession(t, port), HOLD, EMPTY);
  await held(1);
  await Promise.all([server.close(), server.close()]);
  await server.drain(60_000);
  t.not((await holding).status, 0);
});
