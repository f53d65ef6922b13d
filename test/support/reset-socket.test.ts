import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { resetSocket } from './reset-socket.ts';

t.test('the other side sees a reset', async (t) => {
  const { near, far } = await connected(t);
  resetSocket(near);
  const [error] = await once(far, 'error');
  t.match(error, { code: 'ECONNRESET' });
});

t.test('a connection in the midst of its end is closed', async (t) => {
  const { near } = await connected(t);
  const closed = once(near, 'close');
  near.end();
  resetSocket(near);
  await closed;
  t.equal(near.destroyed, true);
});

t.test('what has no connection any more is left alone', async (t) => {
  t.equal(resetSocket(null), undefined);
});

async function connected(t: Test): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => far.destroy());
  far.on('error', () => {});
  const [near]: [Socket] = (await once(server, 'connection')) as [Socket];
  return { near, far };
}
