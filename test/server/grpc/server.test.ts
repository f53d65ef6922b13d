import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { openGrpcServer } from '../../../src/server/grpc/server.ts';
import type { TlsMaterial } from '../../../src/wiring/tls-file.ts';
import { listening } from '../../support/gate.ts';
import { testAmbient, testConfig, testServices } from '../../support/services.ts';
import { framed, rawCall } from './support/raw-client.ts';

const pem = (name: string) => readFileSync(join(import.meta.dirname, '..', '..', 'client', 'tls', name));
const tls: TlsMaterial = { cert: pem('server.crt'), key: pem('server.key') };
const ca = pem('ca.crt');
const GET = '/kms.API/GetDataKey';
const REQUEST = framed(Buffer.from('0a01611020', 'hex'));

async function open(t: Parameters<typeof testServices>[0], given?: TlsMaterial) {
  const services = await testServices(t);
  const server = openGrpcServer({
    services,
    config: testConfig(),
    log: undefined,
    clock: testAmbient().clock,
    assertRoom() {},
    ...(given === undefined ? {} : { tls: given }),
  });
  return { server, services, ...(await listening(t, server)) };
}

function tlsSession(t: { teardown(fn: () => unknown): void }, port: number, more: Parameters<typeof connect>[1] = {}) {
  const session = connect(`https://127.0.0.1:${port}`, { ca, ...more } as never);
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return session;
}

t.test('calls and their statuses are in the metrics', async (t) => {
  const { server, services, port } = await open(t, tls);
  await rawCall(tlsSession(t, port), GET, REQUEST);
  await server.drain(60_000);
  const { body } = await services.metrics.exposition();
  t.match(
    body,
    /keystead_request_duration_seconds_count\{transport="grpc",route="\/kms\.API\/GetDataKey",outcome="0"\} 1/,
  );
});

t.test('TLS 1.3 with ALPN h2 is served, TLS 1.2 and HTTP/1.1 are not', async (t) => {
  const { port } = await open(t, tls);
  const session = tlsSession(t, port);
  t.equal((await rawCall(session, GET, REQUEST)).status, 0);
  t.equal((session.socket as unknown as { getProtocol(): string }).getProtocol(), 'TLSv1.3');
  for (const options of [{ maxVersion: 'TLSv1.2' }, { ALPNProtocols: ['http/1.1'] }] as const) {
    const failed = new Promise((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', ca, ...options } as never, () =>
        reject(socket.getProtocol()),
      );
      socket.on('error', resolve);
    });
    t.ok(await failed, JSON.stringify(options));
  }
});

t.test('with a client CA, callers without a certificate of it have no calls', async (t) => {
  const { port } = await open(t, { ...tls, clientCa: ca });
  t.not((await rawCall(tlsSession(t, port), GET, REQUEST)).status, 0);
  const known = tlsSession(t, port, { cert: pem('client.crt'), key: pem('client.key') } as never);
  t.equal((await rawCall(known, GET, REQUEST)).status, 0);
});

t.test('another certificate serves new connections, the old ones go on', async (t) => {
  const { server, port } = await open(t, tls);
  const old = tlsSession(t, port);
  t.equal((await rawCall(old, GET, REQUEST)).status, 0);
  const before = await fingerprint(port);
  server.setTls({ cert: pem('client.crt'), key: pem('client.key') });
  t.equal((await rawCall(old, GET, REQUEST)).status, 0);
  t.not(await fingerprint(port), before);
});

async function fingerprint(port: number): Promise<string> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}
