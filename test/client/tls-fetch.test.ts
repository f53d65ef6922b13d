import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { KeysteadClient } from '../../src/client/http-client.ts';
import { failure } from '../support/failure.ts';
import { KEY, rawKey, type Step, testAmbient } from './scripted-server.ts';

const pem = (name: string) => fileURLToPath(new URL(`tls/${name}`, import.meta.url));
const caFile = pem('ca.crt');
const certFile = pem('client.crt');
const keyFile = pem('client.key');

/** Counts connections; `peers` are the names that clients show. */
async function tlsServer(t: { teardown(fn: () => unknown): void }, step: Step, options: ServerOptions = {}) {
  const seen = { connections: 0, peers: [] as string[], bodies: [] as string[], url: '' };
  const material = { cert: readFileSync(pem('server.crt')), key: readFileSync(pem('server.key')) };
  const server = createServer({ ...material, ca: readFileSync(caFile), ...options }, async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    seen.bodies.push(text);
    seen.peers.push(String((request.socket as TLSSocket).getPeerCertificate().subject?.CN));
    step(response, Object.assign(request, { text }));
  });
  server.on('secureConnection', () => {
    seen.connections++;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  seen.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return seen;
}

t.test('a service behind a private CA is reached with its CA file, on one kept connection', async (t) => {
  const server = await tlsServer(t, rawKey('a'));
  const client = new KeysteadClient({ server: server.url, caFile, ambient: testAmbient() });
  for (let call = 0; call < 3; call++) {
    const { key } = await client.getDataKey('a');
    t.same(key.expose(), KEY);
    key.dispose();
  }
  t.equal(server.connections, 1);
  t.same(JSON.parse(server.bodies[0] ?? ''), { length: 32 });
});

t.test('a certificate that nobody vouches for is refused, and not tried again', async (t) => {
  const server = await tlsServer(t, rawKey('a'));
  const ambient = testAmbient();
  const client = new KeysteadClient({ server: server.url, ambient });
  const wanted = failure(
    'server-unreachable',
    /^no secure connection to https:.*check the CA, certificate and key files$/,
  );
  await t.rejects(client.getDataKey('a'), wanted);
  const other = new KeysteadClient({ server: server.url, ambient, caFile: pem('client.crt') });
  await t.rejects(other.getDataKey('a'), wanted);
  t.same(ambient.slept, []);
  t.same(server.bodies, []);
});

t.test('a certificate for another name is refused', async (t) => {
  const server = await tlsServer(t, rawKey('a'));
  const client = new KeysteadClient({
    server: server.url.replace('127.0.0.1', '127.0.0.2'),
    caFile,
    ambient: testAmbient(),
  });
  await t.rejects(client.getDataKey('a'), { name: 'KeysteadError', reason: 'server-unreachable' });
  t.same(server.bodies, []);
});

t.test('a client certificate is shown to a service that asks for one', async (t) => {
  const server = await tlsServer(t, rawKey('a'), { requestCert: true, rejectUnauthorized: true });
  const client = new KeysteadClient({ server: server.url, caFile, certFile, keyFile, ambient: testAmbient() });
  (await client.getDataKey('a')).key.dispose();
  t.same(server.peers, ['Keystead test client']);
  const without = new KeysteadClient({ server: server.url, caFile, ambient: testAmbient(), retries: 0 });
  await t.rejects(without.getDataKey('a'), failure('server-unreachable'));
});

t.test('a file that is replaced is read again', async (t) => {
  const server = await tlsServer(t, rawKey('a'));
  const folder = await mkdtemp(join(tmpdir(), 'keystead-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const ca = join(folder, 'ca.crt');
  await copyFile(pem('client.crt'), ca);
  const client = new KeysteadClient({ server: server.url, caFile: ca, ambient: testAmbient() });
  await t.rejects(client.getDataKey('a'), failure('server-unreachable'));
  await writeFile(ca, `${readFileSync(caFile, 'utf8')}\n`);
  (await client.getDataKey('a')).key.dispose();
});

t.test('a file that is not there or no PEM is told', async (t) => {
  const server = await tlsServer(t, rawKey('a'));
  const open = (over: object) =>
    new KeysteadClient({ server: server.url, ambient: testAmbient(), retries: 0, ...over });
  await t.rejects(
    open({ caFile: '/nowhere/ca' }).status(),
    failure('no-file', /the CA file \/nowhere\/ca is not there/),
  );
  await t.rejects(open({ caFile: '/' }).status(), failure('cannot-read', /the CA file \/ is not a file/));
  await t.rejects(open({ certFile: pem('README.md'), keyFile }).status(), failure('server-unreachable', /no secure/));
});

t.test('a call is cancelled, and a deadline holds', async (t) => {
  const server = await tlsServer(t, () => {});
  const client = new KeysteadClient({ server: server.url, caFile, timeoutMs: 100 });
  await t.rejects(client.status(), failure('timeout'));
});

t.test('TLS files are refused where they would not be used', async (t) => {
  const open = (over: object) => () => new KeysteadClient({ server: 'https://127.0.0.1', ...over });
  t.throws(open({ server: 'http://127.0.0.1', caFile }), failure('bad-usage', /need an https:\/\/ server/));
  t.throws(open({ caFile, fetch }), failure('bad-usage', /not both/));
  t.throws(open({ certFile }), failure('bad-usage', /needs its key file/));
  t.throws(open({ keyFile }), failure('bad-usage', /needs its key file/));
});
