import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { Gate } from '../../src/server/gate.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { resetSocket } from '../support/reset-socket.ts';
import { testAmbient } from '../support/services.ts';

const LOCAL = { host: '127.0.0.1', port: 0 };

/** A gate on a free port, and whom it has let in. */
async function open(t: { teardown(fn: () => unknown): void }, { clock } = testAmbient()) {
  const taken: Socket[] = [];
  const gate = new Gate({ clock, paused: false, take: (socket) => taken.push(socket) });
  const { port } = await gate.listen(LOCAL);
  t.teardown(() => {
    gate.destroy();
    for (const socket of taken) socket.destroy();
  });
  return { gate, port, taken };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

t.test('the real port is told where any was asked for, and a port in use is an error that names it', async (t) => {
  const { port } = await open(t);
  t.ok(port > 0);
  const second = new Gate({ clock: testAmbient().clock, paused: false, take: () => {} });
  await t.rejects(second.listen({ ...LOCAL, port }), {
    name: 'KeysteadError',
    reason: 'address-in-use',
    message: new RegExp(`127\\.0\\.0\\.1:${port} is in use`),
  });
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

t.test('connections that wait in the queue when the gate closes are let in, later ones are refused', async (t) => {
  const { gate, port, taken } = await open(t);
  const out = join(t.testdir({ out: '' }), 'out');
  const client = spawn(process.execPath, ['-e', CROWD, String(port), '100'], {
    stdio: ['ignore', openSync(out, 'a'), 'inherit'],
  });
  t.teardown(() => client.kill('SIGKILL'));
  const ended = once(client, 'exit');
  // Busy until all are connected, so that nobody is accepted before.
  while (!readFileSync(out, 'utf8').startsWith('connected'));
  await gate.close();
  t.equal(taken.length, 100);
  for (const socket of taken) socket.end('HTTP/1.1 200 OK\r\n\r\n').resume();
  await ended;
  t.equal(readFileSync(out, 'utf8'), 'connected100');
  await t.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
});

t.test('who comes while the gate closes waits until nobody comes any more', async (t) => {
  const clock = new FakeClock();
  const { gate, port, taken } = await open(t, { ...testAmbient(), clock });
  const closed = gate.close();
  for (let n = 0; n < 3; n++) {
    while (clock.sleepers === 0) await turn();
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    if (n === 1) resetSocket(socket);
    // A turn may take in one connection only, and the reset is seen in another one.
    for (let turns = 0; turns < 5; turns++) await turn();
    t.equal(taken.length, 0);
    await clock.advance(20);
  }
  while (clock.sleepers === 0) await turn();
  await clock.advance(20);
  await closed;
  t.equal(taken.length, 3);
});

t.test('the gate does not stay open for ever because callers keep coming', async (t) => {
  const clock = new FakeClock();
  const { gate, port, taken } = await open(t, { ...testAmbient(), clock });
  let closed = false;
  const closing = gate.close().then(() => {
    closed = true;
  });
  let came = 0;
  for (; !closed; came++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    t.teardown(() => socket.destroy());
    const [answer] = await Promise.race([once(socket, 'connect'), once(socket, 'close'), closing.then(() => ['shut'])]);
    if (answer !== undefined) break;
    for (let turns = 0; turns < 5; turns++) await turn();
    await clock.advance(20);
  }
  await closing;
  t.ok(came > 10 && came < 40, `${came} came`);
  t.ok(taken.length >= came);
});
