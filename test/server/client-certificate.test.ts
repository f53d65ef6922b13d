import { createPublicKey, hash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer as createPlainServer, type Socket } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import t from 'tap';
import { alternativeNames, clientCertificates } from '../../src/server/client-certificate.ts';
import { authority, type Identity, type Names } from '../support/certificates.ts';

const CA = authority('clients');
const SERVER = authority('server').issue('server');

/** The server's side of a connection that a client opens with this identity. */
async function accepted(t: { teardown(fn: () => unknown): void }, client: Identity | undefined): Promise<TLSSocket> {
  const server = createServer({ ...SERVER, ca: CA.cert, requestCert: true, rejectUnauthorized: false });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const opened = once(server, 'secureConnection');
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...client });
  socket.on('error', () => {});
  const [other] = await opened;
  t.teardown(() => {
    socket.destroy();
    other.destroy();
    server.close();
  });
  return other;
}

const issue = (names: Names) => CA.issue('client', names);

t.test('the names of a proved certificate are read', async (t) => {
  const names = { uris: ['spiffe://example.org/a'], dns: ['a.example', 'b.example'] };
  const identity = issue(names);
  const certificate = clientCertificates()(await accepted(t, identity));
  t.same(certificate?.uris, names.uris);
  t.same(certificate?.dnsNames, names.dns);
  const spki = createPublicKey(identity.cert).export({ type: 'spki', format: 'der' });
  t.equal(certificate?.publicKeySha256, hash('sha256', spki));
  t.ok(Number(certificate?.notAfter) > Date.now());
});

t.test('a certificate of somebody else, or none, is no certificate', async (t) => {
  const read = clientCertificates();
  const foreign = authority('clients').issue('client', { uris: ['spiffe://example.org/a'] });
  t.equal(read(await accepted(t, foreign)), undefined, 'an authority of the same name');
  t.equal(read(await accepted(t, authority('self'))), undefined);
  t.equal(read(await accepted(t, undefined)), undefined);
});

t.test('one socket has one certificate, another one its own', async (t) => {
  const read = clientCertificates();
  const [one, other] = [await accepted(t, issue({ dns: ['a'] })), await accepted(t, issue({ dns: ['b'] }))];
  t.equal(read(one), read(one));
  t.same(read(other)?.dnsNames, ['b']);
});

t.test('a connection in the clear has none', async (t) => {
  const server = createPlainServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const opened = once(server, 'connection');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
  const [socket] = (await opened) as [Socket];
  t.equal(clientCertificates()(socket), undefined);
  client.destroy();
  socket.destroy();
  server.close();
});

t.test('a name that looks like several stays one', async (t) => {
  const evil = ['spiffe://example.org/a, URI:spiffe://example.org/b', 'a", URI:spiffe://example.org/c', 'x\\', 'a\nb'];
  for (const uri of evil) {
    const certificate = clientCertificates()(await accepted(t, issue({ uris: [uri] })));
    t.same(certificate?.uris, [uri], JSON.stringify(uri));
  }
  const certificate = clientCertificates()(await accepted(t, issue({ dns: ['a, DNS:b', ''] })));
  t.same(certificate?.dnsNames, ['a, DNS:b', '']);
});

t.test('a list of names that cannot be read is no list', async (t) => {
  t.same(alternativeNames(''), []);
  t.same(alternativeNames('DNS:a, IP Address:127.0.0.1, URI:spiffe://a/b:c'), [
    ['DNS', 'a'],
    ['IP Address', '127.0.0.1'],
    ['URI', 'spiffe://a/b:c'],
  ]);
  for (const odd of ['DNS:a,URI:b', 'DNS:a, URI', 'x', 'DNS:"a', 'DNS:"\\x", URI:b', 'DNS:a, URI:b"c']) {
    t.same(alternativeNames(odd), [], odd);
  }
});
