import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import { peers } from '../../src/server/peers.ts';

t.test('the source is the address without its port, and IPv4 stays IPv4 on an IPv6 socket', async (t) => {
  const server = createServer();
  server.listen({ host: '::', port: 0, ipv6Only: false });
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  const peerOf = peers();
  t.same(peerOf(socket), { source: '127.0.0.1' });
  t.equal(peerOf(socket), peerOf(socket), 'found out once');
});

t.test('a socket that is gone has no source', async (t) => {
  t.same(peers()({} as Socket), {});
});
