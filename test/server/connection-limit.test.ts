import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { connectionLimit } from '../../src/server/connection-limit.ts';
import { startService } from '../support/service-process.ts';
import { testConfig } from '../support/services.ts';

t.test('listeners share the files that a process may have open, and leave some', async (t) => {
  const config = testConfig();
  const alone = testConfig({ grpc: { listen: 'off' } });
  t.equal(connectionLimit(config, Number.POSITIVE_INFINITY), 8192);
  t.equal(connectionLimit(config, 1_048_576), 8192);
  t.equal(connectionLimit(config, 4096), 1792);
  t.equal(connectionLimit(alone, 4096), 3584);
  t.equal(connectionLimit(testConfig({ admin: { listen: '127.0.0.1:0' } }), 4096), 1194);
  t.equal(connectionLimit(config, 256), 85);
  t.equal(connectionLimit(testConfig({ limits: { connections: 10 } }), 4096), 10);
});

const FEWER = 'a listener takes fewer connections than limits.connections: too few files may be open';

/** Over one connection. */
async function ask(agent: Agent, method: string, url: string) {
  const sent = request(url, { method, agent }).end();
  const [response] = await once(sent, 'response');
  return { status: response.statusCode, body: await text(response) };
}

t.test('more connections than there are files leave the service at work', { timeout: 390_000 }, async (t) => {
  const service = startService(t, {}, { files: 192 });
  const { http, grpc } = await service.ready();
  t.match(await service.logged(FEWER), { connections: 64 });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.equal((await ask(agent, 'GET', `${http}/livez`)).status, 200);

  const ports = [Number(new URL(http).port), Number(grpc.split(':').at(-1))];
  const sockets = ports.flatMap((port) =>
    Array.from({ length: 400 }, () => connect(port, '127.0.0.1').on('error', () => {})),
  );
  const ended = sockets.map((socket) => once(socket, 'close'));
  await Promise.race(ended);

  // Each of these opens files.
  t.match(await ask(agent, 'GET', `${http}/metrics`), { status: 200, body: /^process_open_fds [1-9]/m });
  t.equal((await ask(agent, 'POST', `${http}/v1/data-keys/x/get`)).status, 200);
  agent.destroy();
  for (const socket of sockets) socket.destroy();
  await Promise.all(ended);
  t.notOk(service.log.some(({ level }) => level === 'fatal' || level === 'error'));
  service.kill('SIGTERM');
  t.equal(await service.exited, 0);
});
