import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { startService } from '../support/service-process.ts';

t.test('the second signal ends the service at once', async (t) => {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const service = startService(t, {});
    const { http } = await service.ready();
    const held = await halfRequest(t, http);
    service.kill(signal);
    await service.logged('closing');
    service.kill(signal);
    t.equal(await service.exited, status);
    held.destroy();
  }
});

/** Has a service run a line of code at its start. */
function planted(code: string) {
  return { execArgv: ['--import', `data:text/javascript,${encodeURIComponent(code)}`] };
}

t.test(
  'a signal during the start ends the service as soon as it has started, without a word of being ready',
  async (t) => {
    const signalAtOnce = `process.on('newListener', (name) => {
    if (name === 'SIGTERM') setImmediate(() => process.kill(process.pid, 'SIGTERM'));
  })`;
    // Reading the KEK's files lets signals in.
    const dir = t.testdir({ mastersecret: 'm'.repeat(16), salt: 's'.repeat(32) });
    const service = startService(t, { kek: { dir } }, planted(signalAtOnce));
    t.equal(await service.exited, 0);
    t.same(
      service.log.map(({ msg }) => msg),
      ['closing', 'closed'],
    );
    t.notMatch(service.stderr, /^curl /m);
  },
);

t.test('a signal ends a service whose start never comes to an end', async (t) => {
  const service = startService(
    t,
    {},
    planted(`import { Server } from 'node:net';
    setInterval(() => {}, 1_000_000);
    Server.prototype.listen = function () {
      setImmediate(() => process.kill(process.pid, 'SIGTERM'));
      return this;
    };`),
  );
  t.equal(await service.exited, 0);
  t.same(
    service.log.map(({ msg }) => msg),
    ['closing', 'closed'],
  );
});

t.test('an error that nobody caught ends the service with status 70 and a log line without secrets', async (t) => {
  const secret = Buffer.alloc(24, 'x7').toString('base64');
  for (const fault of [`throw new Error('boom ${secret}')`, `Promise.reject(new Error('boom ${secret}'))`]) {
    const service = startService(t, {}, planted(`process.on('SIGWINCH', () => { ${fault} })`));
    await service.ready();
    service.kill('SIGWINCH');
    t.equal(await service.exited, 70);
    t.match(service.log.at(-1), { level: 'fatal', msg: 'crashed', err: { message: 'boom [secret]' } });
    t.notMatch(service.stderr, secret);
  }
});

/** A connection over which a request has begun and does not end. */
async function halfRequest(t: { teardown(fn: () => unknown): void }, url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(
    'POST /v1/data-keys/x/get HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{',
  );
  // Answered in order, so the request before it is certainly read.
  await fetch(`${url}/livez`);
  return socket;
}
