import { once } from 'node:events';
import { constants } from 'node:http2';
import { connect } from 'node:net';
import t from 'tap';
import { FakeClock } from '../../support/fake-clock.ts';
import { framed, rawCall, rawSession } from './support/raw-client.ts';
import { testMethods } from './support/test-methods.ts';
import { ourTransport } from './support/transports.ts';

const ECHO = '/test.Service/Echo';
const HOLD = '/test.Service/Hold';
const EMPTY = framed(Buffer.from(''));

t.test('calls in flight are answered while the server drains, new connections are refused', async (t) => {
  const { methods, held, release } = testMethods();
  const { port, server } = await ourTransport(t, methods);
  const sessions = Array.from({ length: 5 }, () => rawSession(t, port));
  const holding = sessions.flatMap((session) => Array.from({ length: 20 }, () => rawCall(session, HOLD, EMPTY)));
  await held(100);
  const drained = server.drain(60_000);
  const refused = once(connect(port, '127.0.0.1'), 'connect');
  await t.rejects(refused, { code: 'ECONNREFUSED' });
  release();
  t.same(
    (await Promise.all(holding)).filter(({ status }) => status !== 0),
    [],
  );
  await drained;
});

t.test('under load every call is answered, or known to its caller as never begun', async (t) => {
  const { methods, seen } = testMethods();
  const { port, server } = await ourTransport(t, methods);
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

t.test('what is not done at the deadline is cut off', async (t) => {
  const clock = new FakeClock();
  const { methods, held } = testMethods();
  const { port, server } = await ourTransport(t, methods, { clock });
  const holding = rawCall(rawSession(t, port), HOLD, EMPTY);
  await held(1);
  const drained = server.drain(1000);
  await clock.advance(1000);
  await drained;
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
