import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { Client, credentials } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { readSmallFile } from '../../src/config/read-small-file.ts';
import { readTls } from '../../src/wiring/tls-file.ts';
import { authority } from '../support/certificates.ts';
import { startService } from '../support/service-process.ts';

const ca = authority('ca');
const server = ca.issue('server');

function files(t: Test, more: Record<string, string> = {}) {
  const dir = t.testdir({ 'tls.crt': server.cert, 'tls.key': server.key, 'ca.crt': ca.cert, ...more });
  const path = (name: string) => join(dir, name);
  return { path, tls: { certFile: path('tls.crt'), keyFile: path('tls.key') } };
}

/** The status of a request for a key, or the error code of its connection. */
async function ask(url: string, tls: ConnectionOptions = {}): Promise<number | string | undefined> {
  const agent = new Agent({ ca: ca.cert, ...tls });
  try {
    return await askOver(agent, url);
  } finally {
    agent.destroy();
  }
}

async function askOver(agent: Agent, url: string): Promise<number | string | undefined> {
  const sent = request(`${url}/v1/data-keys/x/get?length=32`, { method: 'POST', agent });
  sent.end();
  try {
    const [response] = await once(sent, 'response');
    response.resume();
    await once(response, 'end');
    return response.statusCode;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/** The length of the key that gRPC gives, or the status code. */
async function askGrpc(address: string, pair?: { cert: string; key: string }): Promise<number | string> {
  const client = grpcClient(address, pair);
  try {
    return await askGrpcOver(client);
  } finally {
    client.close();
  }
}

function grpcClient(address: string, pair: { cert: string; key: string } | undefined): Client {
  const [chain, key] = pair === undefined ? [null, null] : [Buffer.from(pair.cert), Buffer.from(pair.key)];
  return new Client(address, credentials.createSsl(Buffer.from(ca.cert), key, chain));
}

function askGrpcOver(client: Client): Promise<number | string> {
  const bytes = (buffer: Buffer) => buffer;
  const message = Buffer.from([0x0a, 1, 0x78, 0x10, 32]);
  return new Promise((resolve) => {
    client.makeUnaryRequest('/kms.API/GetDataKey', bytes, bytes, message, (error, answer) =>
      resolve(error === null ? (answer as Buffer).length - 2 : `code ${error.code}`),
    );
  });
}

async function subject(address: string): Promise<string | undefined> {
  const [host, port] = address.split(':');
  const socket: TLSSocket = connect({
    host: host as string,
    port: Number(port),
    ca: ca.cert,
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  await once(socket, 'secureConnect');
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return String(name);
}

t.test('both listeners speak TLS 1.3 and nothing less', async (t) => {
  const service = startService(t, { tls: files(t).tls });
  const { http, grpc } = await service.ready();
  t.match(http, /^https:/);
  t.match(service.stderr, /^curl -s -k -X POST 'https:/m);
  t.equal(await ask(http), 200);
  t.equal(await askGrpc(grpc), 32);
  t.match(await ask(http, { maxVersion: 'TLSv1.2' }), /EPROTO|ECONNRESET/);
  t.match(await ask(http, { ca: authority('other').cert }), /CERT|SIGNATURE|ISSUER/);
  service.kill('SIGTERM');
  t.equal(await service.exited, 0);
});

t.test('with a client CA, who shows none of its certificates gets nothing', async (t) => {
  const { path, tls } = files(t);
  const service = startService(t, { tls: { ...tls, clientCaFile: path('ca.crt') } });
  const { http, grpc } = await service.ready();
  const good = ca.issue('client');
  const bad = authority('other').issue('client');
  t.equal(await ask(http, good), 200);
  t.equal(await askGrpc(grpc, good), 32);
  for (const pair of [undefined, bad]) {
    t.match(String(await ask(http, pair)), /^E/);
    t.equal(await askGrpc(grpc, pair), 'code 14');
  }
});

t.test('clients of an authority that counts no more lose their connections too', async (t) => {
  const { path, tls } = files(t);
  const service = startService(t, { tls: { ...tls, clientCaFile: path('ca.crt') } });
  const { http, grpc } = await service.ready();
  const good = ca.issue('client');
  const agent = new Agent({ ca: ca.cert, keepAlive: true, maxSockets: 1, ...good });
  const client = grpcClient(grpc, good);
  t.teardown(() => {
    agent.destroy();
    client.close();
  });
  t.equal(await askOver(agent, http), 200);
  t.equal(await askGrpcOver(client), 32);
  const other = authority('other');
  writeFileSync(path('ca.crt'), other.cert);
  await service.logged('the TLS certificate was read anew');
  t.match(String(await askOver(agent, http)), /^E/);
  t.equal(await askGrpcOver(client), 'code 14');
  t.equal(await ask(http, other.issue('client')), 200);
});

for (const workers of [1, 2]) {
  t.test(
    `SIGHUP takes a new certificate into ${workers} process(es), and keeps the old one when it cannot`,
    async (t) => {
      const { path, tls } = files(t);
      const service = startService(t, { tls, workers });
      const { http, grpc } = await service.ready();
      const both = async () => [
        await subject(new URL(http).host),
        await subject(grpc),
        await subject(new URL(http).host),
      ];
      t.same(await both(), ['server', 'server', 'server']);

      writeFileSync(path('tls.crt'), ca.issue('stranger').cert);
      service.kill('SIGHUP');
      const failed = await service.logged('nothing was reloaded');
      t.match(failed, { err: { reason: 'bad-config', message: /does not belong to the certificate/ } });
      t.same(await both(), ['server', 'server', 'server']);

      const next = ca.issue('next');
      writeFileSync(path('tls.crt'), next.cert);
      writeFileSync(path('tls.key'), next.key);
      service.kill('SIGHUP');
      // By the signal, or by the look of a second that came first.
      await service.logged('reloaded');
      t.same(await both(), ['next', 'next', 'next']);
    },
  );

  t.test(`without a signal too, ${workers} process(es) take a new certificate, and keep the old one`, async (t) => {
    const { path, tls } = files(t);
    const service = startService(t, { tls, workers, admin: { listen: '127.0.0.1:0' } });
    const { http, grpc, admin } = (await service.ready()) as Awaited<ReturnType<typeof service.ready>> & {
      admin: string;
    };
    const all = async () => [
      await subject(new URL(http).host),
      await subject(grpc),
      await subject(new URL(admin).host),
      await subject(new URL(http).host),
    ];
    const told = (msg: string) =>
      service.until(() => (service.log.filter((line) => line['msg'] === msg).length < workers ? undefined : true));
    writeFileSync(path('tls.crt'), 'broken');
    await told('the TLS certificate stays as it was');
    t.same(await all(), ['server', 'server', 'server', 'server']);

    const next = ca.issue('next');
    writeFileSync(path('tls.crt'), next.cert);
    writeFileSync(path('tls.key'), next.key);
    await told('the TLS certificate was read anew');
    t.same(await all(), ['next', 'next', 'next', 'next']);
  });
}

t.test('files that are missing, no PEM or no pair are named, and never quoted', async (t) => {
  const { path, tls } = files(t, { 'other.key': ca.issue('other').key, text: 'not-a-key-at-all', folder: '' });
  execFileSync('mkfifo', [path('pipe')]);
  const refusals: [Parameters<typeof readTls>[0], string, RegExp][] = [
    [{ certFile: path('tls.crt') }, 'bad-config', /tls\.keyFile is not given/],
    [{ keyFile: path('tls.key') }, 'bad-config', /tls\.certFile is not given/],
    [{ clientCaFile: path('ca.crt') }, 'bad-config', /tls\.certFile is not given/],
    [{ ...tls, certFile: path('none') }, 'no-file', /none is not there/],
    [{ ...tls, keyFile: path('.') }, 'cannot-read', /cannot be read \(EISDIR\)/],
    [{ ...tls, keyFile: path('pipe') }, 'cannot-read', /pipe cannot be read \(it is not a file\)/],
    [{ ...tls, certFile: path('text') }, 'bad-config', /text does not hold a PEM certificate/],
    [{ ...tls, keyFile: path('text') }, 'bad-config', /text does not hold a PEM private key/],
    [
      { ...tls, keyFile: path('other.key') },
      'bad-config',
      /other\.key does not belong to the certificate in .*tls\.crt/,
    ],
    [{ ...tls, clientCaFile: path('text') }, 'bad-config', /text does not hold a PEM certificate/],
  ];
  for (const [config, reason, message] of refusals) {
    await t.rejects(readTls(config, readSmallFile), { name: 'KeysteadError', reason, message }, String(message));
  }
  t.equal(await readTls({}, readSmallFile), undefined);
});
