import { once } from 'node:events';
import { createServer, type RequestListener, type ServerOptions } from 'node:http';
import { connect } from 'node:net';
import t from 'tap';
import type { Clock } from '../../src/core/clock.ts';
import { httpPorch } from '../../src/server/http-porch.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { listening } from '../support/gate.ts';
import { testAmbient } from '../support/services.ts';

type T = Parameters<typeof listening>[0];

async function open(
  t: T,
  listener: RequestListener,
  { clock = testAmbient().clock, options = {} }: { clock?: Clock; options?: ServerOptions } = {},
) {
  const server = createServer(options, listener);
  const porch = httpPorch(server, { clock, tls: undefined });
  return { server, porch, ...(await listening(t, porch)) };
}

const answerX: RequestListener = (_request, response) => response.end('x');
const HEAD = 'GET / HTTP/1.1\r\nHost: x\r\n';

t.test('at the deadline what is left is cut and counted', async (t) => {
  const clock = new FakeClock();
  const { server, porch, port } = await open(t, () => {}, { clock });
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write(`${HEAD}\r\n`);
  await once(server, 'request');
  const drained = porch.drain(10_000);
  const cut = new Promise((resolve) => socket.once('close', resolve));
  for (let ms = 0; ms < 10_500; ms += 100) await clock.advance(100);
  t.equal(await drained, 1);
  await cut;
});

t.test('an idle connection is kept for a while, since a request may be on its way over it', async (t) => {
  const clock = new FakeClock();
  const { porch, port } = await open(t, answerX, { clock });
  const socket = connect(port, '127.0.0.1');
  const ask = async () => {
    socket.write(`${HEAD}\r\n`);
    return String((await once(socket, 'data'))[0]);
  };
  t.match(await ask(), /connection: keep-alive/i);
  const drained = porch.drain(10_000);
  await clock.advance(499);
  t.match(await ask(), /connection: close/i);
  t.equal(await drained, 0);
});

t.test('connections over which no whole request head came do not hold up the end', async (t) => {
  const clock = new FakeClock();
  const { server, porch, port } = await open(t, answerX, { clock });
  const said = ['', 'GET / HT', `${HEAD}\r\n`].map(async (text) => {
    const accepted = once(server, 'connection');
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await accepted;
    if (text !== '') socket.write(text);
    // Answered once, and then half of the next request.
    if (text.endsWith('\r\n\r\n')) {
      await once(socket, 'data');
      socket.write('GET / HT');
    }
    return new Promise((resolve) => socket.once('close', () => resolve('closed')));
  });
  const other = connect(port, '127.0.0.1');
  other.write(`${HEAD}Connection: close\r\n\r\n`);
  other.resume();
  await once(other, 'close');
  const drained = porch.drain(10_000);
  await clock.advance(500);
  t.equal(await drained, 0);
  t.same(await Promise.all(said), ['closed', 'closed', 'closed']);
});

t.test('callers that are too slow are ended, though the server has no listening socket', async (t) => {
  const { port } = await open(t, answerX, { options: { headersTimeout: 50, connectionsCheckingInterval: 10 } });
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write(HEAD);
  t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 408 /);
});

t.test('more connections than there may be are ended at once, the others go on', async (t) => {
  const { server, port } = await open(t, answerX);
  server.maxConnections = 2;
  const sockets = Array.from({ length: 3 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  const ended = sockets.map((socket, n) => new Promise<number>((resolve) => socket.once('close', () => resolve(n))));
  for (const socket of sockets) socket.resume();
  const first = await Promise.race(ended);
  const [left] = sockets.filter((_socket, n) => n !== first);
  left?.write(`${HEAD}\r\n`);
  t.match(String((await once(left as (typeof sockets)[0], 'data'))[0]), /^HTTP\/1\.1 200 /);
  t.equal(sockets.filter(({ destroyed }) => destroyed).length, 1);
});
