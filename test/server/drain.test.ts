import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { drainHttp } from '../../src/server/drain.ts';
import { watchQuiet } from '../../src/server/quiet.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { grpcLoad, httpLoad } from '../support/load.ts';
import { startService } from '../support/service-process.ts';

for (const workers of [1, 2]) {
  t.test(`no request is lost when ${workers} process(es) are told to end under load`, async (t) => {
    const service = startService(t, { workers });
    const { http, grpc } = await service.ready();
    let told = false;
    const tell = ({ answered }: { answered: number }) => {
      if (told || answered < 200) return;
      told = true;
      service.kill('SIGTERM');
    };
    const tallies = await Promise.all([httpLoad(http, 16, tell), grpcLoad(grpc, 4, tell)]);
    t.equal(await service.exited, 0);
    for (const { answered, lost } of tallies) {
      t.same(lost, []);
      t.ok(answered > 0);
    }
    const answered = tallies.reduce((sum, tally) => sum + tally.answered, 0);
    t.equal(service.audit.length, answered, 'every answer has its audit line');
  });
}

t.test('a request that has begun is answered, with a word that it was the last', async (t) => {
  const service = startService(t, {});
  const { http } = await service.ready();
  const { hostname, port } = new URL(http);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const body = '{"length":32}';
  socket.write(
    `POST /v1/data-keys/x/get HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n{`,
  );
  await fetch(`${http}/livez`, { headers: { connection: 'close' } });
  service.kill('SIGTERM');
  await service.logged('closing');
  // The door is shut a turn after the log says so: until then who knocks is let in, from then on nobody is.
  const knock = () =>
    fetch(`${http}/livez`, { headers: { connection: 'close' } }).then(
      () => true,
      () => false,
    );
  while (await knock());
  socket.write(body.slice(1));
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  await once(socket, 'close');
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  t.match(answer, /"dataKey":/);
  t.equal(await service.exited, 0);
});

t.test('readiness turns 503 on connections that are still open, and says that the service is closing', async (t) => {
  const service = startService(t, {});
  const { http } = await service.ready();
  const { hostname, port } = new URL(http);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  // Held open by a request that is not finished yet.
  socket.write(`GET /readyz HTTP/1.1\r\nHost: ${hostname}:${port}\r\n`);
  await fetch(`${http}/livez`, { headers: { connection: 'close' } });
  service.kill('SIGTERM');
  await service.logged('closing');
  socket.write('\r\n');
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  await once(socket, 'close');
  t.match(answer, /^HTTP\/1\.1 503 /);
  t.match(answer, /^connection: close\r$/im);
  t.match(answer, /closing/);
  t.equal(await service.exited, 0);
});

t.test('at the deadline what is left is cut and counted', async (t) => {
  const clock = new FakeClock();
  const server = createServer(() => {});
  const quiet = watchQuiet(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(server, 'request');
  const drained = drainHttp(server, quiet, clock, 10_000);
  while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
  const cut = once(socket, 'close');
  socket.on('error', () => {});
  for (let ms = 0; ms < 10_500; ms += 100) await clock.advance(100);
  t.equal(await drained, 1);
  await cut;
});

t.test('an idle connection is kept for a while, since a request may be on its way over it', async (t) => {
  const clock = new FakeClock();
  const server = createServer((_request, response) => response.end('x'));
  const quiet = watchQuiet(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const ask = async () => {
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    return String((await once(socket, 'data'))[0]);
  };
  t.match(await ask(), /connection: keep-alive/i);
  const drained = drainHttp(server, quiet, clock, 10_000);
  while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(499);
  t.match(await ask(), /connection: close/i);
  t.equal(await drained, 0);
});

/** Opens connections, says so, and then tells how many of them were answered. */
const CROWD = `
  const [port, count] = process.argv.slice(1).map(Number);
  const { connect } = require('node:net');
  let connected = 0, answered = 0, closed = 0;
  for (let n = 0; n < count; n++) {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n');
      if (++connected === count) require('node:fs').writeSync(1, 'connected');
    });
    socket.once('data', () => answered++).on('error', () => {});
    socket.once('close', () => ++closed === count && require('node:fs').writeSync(1, String(answered)));
  }`;

t.test('connections that wait in the queue when the end comes are taken in and answered', async (t) => {
  const server = createServer((_request, response) => response.end('x'));
  const quiet = watchQuiet(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const out = join(t.testdir({ out: '' }), 'out');
  const client = spawn(process.execPath, ['-e', CROWD, String(port), '100'], {
    stdio: ['ignore', openSync(out, 'a'), 'inherit'],
  });
  t.teardown(() => client.kill('SIGKILL'));
  const ended = once(client, 'exit');
  // Busy until all are connected, so that nobody is accepted before.
  while (!readFileSync(out, 'utf8').startsWith('connected'));
  t.equal(await drainHttp(server, quiet, { now: () => new Date(0), sleep: never }, 10_000), 0);
  await ended;
  t.equal(readFileSync(out, 'utf8'), 'connected100');
});

/** Sleeps until it is woken. */
function never(_ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}

t.test('connections over which no whole request head came do not hold up the end', async (t) => {
  const clock = new FakeClock();
  const server = createServer((_request, response) => response.end('x'));
  const quiet = watchQuiet(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const said = ['', 'GET / HT', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'].map(async (text) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(server, 'connection');
    if (text !== '') socket.write(text);
    // Answered once, and then half of the next request.
    if (text.endsWith('\r\n\r\n')) {
      await once(socket, 'data');
      socket.write('GET / HT');
    }
    return once(socket, 'close');
  });
  const other = connect(port, '127.0.0.1');
  other.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  other.resume();
  await once(other, 'close');
  const drained = drainHttp(server, quiet, clock, 10_000);
  while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(500);
  t.equal(await drained, 0);
  t.equal((await Promise.all(said)).length, 3);
});
