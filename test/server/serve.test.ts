import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { startService } from '../support/service-process.ts';
import { testConfig } from '../support/services.ts';

const TOKEN = 'a-token-of-the-admin';

async function get(url: string, id = 'my-disk', headers: Record<string, string> = {}) {
  return fetch(`${url}/v1/data-keys/${id}/get?length=32`, { method: 'POST', headers });
}

t.test('the ready line carries the real ports, once, and comes behind the banner', async (t) => {
  const service = startService(t, {});
  const { http, grpc } = await service.ready();
  t.match(http, /^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
  t.match(grpc, /^127\.0\.0\.1:[1-9]\d+$/);
  t.equal((await get(http)).status, 200);
  const lines = service.stderr.split('\n');
  t.ok(lines.findIndex((line) => line.startsWith('curl ')) < lines.findIndex((line) => line.includes('"ready"')));
  service.kill('SIGTERM');
  t.equal(await service.exited, 0);
  t.equal(service.log.filter(({ msg }) => msg === 'ready').length, 1);
});

t.test('the curl line of the banner gets a key when pasted', async (t) => {
  const service = startService(t, { grpc: { listen: 'off' } });
  t.equal((await service.ready()).grpc, 'off');
  const line = service.stderr.split('\n').find((text) => text.startsWith('curl ')) as string;
  const answer = JSON.parse(execFileSync('sh', ['-c', line], { encoding: 'utf8' }));
  t.equal(Buffer.from(answer.dataKey, 'base64').length, 32);
  t.match(service.stderr, /development server/);
  t.match(service.stderr, /random, fingerprint [0-9a-f]{32}, and gone when it stops/);
  t.match(await service.until(() => service.audit[0]), { audit: 1, action: 'data-key.get', resource: 'my-disk', outcome: 'ok' });
});

t.test('a KEK folder gives the same keys in every life, and is named in the banner', async (t) => {
  const dir = t.testdir({ mastersecret: 'm'.repeat(16), salt: `${'s'.repeat(31)}\n` });
  const keys: string[] = [];
  for (let life = 0; life < 2; life++) {
    const service = startService(t, { kek: { dir } });
    const { http } = await service.ready();
    keys.push(((await (await get(http)).json()) as { dataKey: string }).dataKey);
    t.match(service.stderr, /Its KEK is the one that was given, fingerprint [0-9a-f]{32}\./);
    service.kill('SIGINT');
    t.equal(await service.exited, 0);
  }
  t.equal(keys[0], keys[1]);
});

t.test('what cannot be served is refused with one line and the exit status of the error table', async (t) => {
  const dir = t.testdir({
    one: { mastersecret: 'm'.repeat(32) },
    short: { mastersecret: 'm'.repeat(15), salt: 's'.repeat(32) },
    good: { mastersecret: 'm'.repeat(32), salt: 's'.repeat(32) },
    file: 'x',
    token: 'short',
  });
  const kek = (name: string) => ({ kek: { dir: join(dir, name) } });
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const inUse = `127.0.0.1:${(taken.address() as { port: number }).port}`;
  const refusals: [object, number, RegExp][] = [
    [kek('one'), 66, /one\/salt is not there.*\(no-file\)/],
    [kek('short'), 64, /short\/mastersecret is 15 bytes long, at least 16.*\(bad-master-secret\)/],
    [{ kek: { dir: join(dir, 'good'), fingerprint: '0'.repeat(32) } }, 65, /has fingerprint .*\(fingerprint-mismatch\)/],
    [{ http: { listen: inUse } }, 75, /is in use.*\(address-in-use\)/],
    [{ grpc: { listen: inUse } }, 75, /is in use.*\(address-in-use\)/],
    [{ tls: { certFile: join(dir, 'file'), keyFile: join(dir, 'none') } }, 66, /none is not there \(no-file\)/],
    [{ dev: false, admin: { tokenFile: join(dir, 'token') } }, 64, /token must be at least 16.*\(bad-config\)/],
  ];
  const refused = refusals.map(async ([config, status, text]) => {
    const service = startService(t, config);
    t.equal(await service.exited, status, String(text));
    t.match(service.stderr, new RegExp(`^keystead: [^\\n]*${text.source}\\n$`), 'one line, and no stack');
    t.equal(service.stdout, '');
  });
  await Promise.all(refused);
});

t.test('without credentials only liveness, readiness and status answer, and the log says so', async (t) => {
  const dir = t.testdir({ mastersecret: 'm'.repeat(16), salt: 's'.repeat(32) });
  const service = startService(t, { dev: false, kek: { dir } });
  const { http } = await service.ready();
  t.match(service.log[0], { level: 'warn', msg: /no credentials are configured/ });
  t.notMatch(service.stderr, /^curl /m);
  t.equal((await get(http)).status, 401);
  for (const path of ['/livez', '/readyz', '/v1/system/status']) t.equal((await fetch(http + path)).status, 200, path);
});

t.test('listening in plaintext beyond loopback is warned of', async (t) => {
  const service = startService(t, { dev: false, insecurePlaintext: true, http: { listen: '0.0.0.0:0' } });
  await service.ready();
  t.ok(service.log.some(({ level, msg }) => level === 'warn' && /in plaintext on 0\.0\.0\.0:0/.test(String(msg))));
});

t.test('SIGHUP takes a new admin token and log level, and keeps the old ones when it cannot', async (t) => {
  const dir = t.testdir({ token: `${TOKEN}\n`, kek: { mastersecret: 'm'.repeat(16), salt: 's'.repeat(32) } });
  const config = { dev: false, admin: { tokenFile: join(dir, 'token') }, kek: { dir: join(dir, 'kek') } };
  const again = join(dir, 'config.json');
  const service = startService(t, config, { again });
  const { http } = await service.ready();
  const status = async (token: string) => (await get(http, 'x', { authorization: `Bearer ${token}` })).status;
  t.equal(await status(TOKEN), 200);

  writeFileSync(again, JSON.stringify(testConfig({ ...config, log: { level: 'debug' } })));
  writeFileSync(join(dir, 'token'), 'another-token-of-admin');
  service.kill('SIGHUP');
  t.same((await service.logged('reloaded'))['changed'], ['admin token', 'log level']);
  t.equal(await status(TOKEN), 401);
  t.equal(await status('another-token-of-admin'), 200);

  writeFileSync(join(dir, 'token'), 'short');
  service.kill('SIGHUP');
  t.match(await service.logged('nothing was reloaded'), { level: 'error', err: { reason: 'bad-config' } });
  t.equal(await status('another-token-of-admin'), 200);
  t.notMatch(service.stdout + service.stderr, /token-of/);
});

t.test('a reader of stdout that goes away stops the keys, not the service', async (t) => {
  const service = startService(t, {});
  const { http } = await service.ready();
  service.child.stdout?.destroy();
  const answers = [await get(http), await get(http)];
  for (const answer of answers) {
    t.equal(answer.status, 503);
    t.match(await answer.json(), { reason: 'audit-unavailable' });
  }
  const ready = await fetch(`${http}/readyz`);
  t.equal(ready.status, 503);
  t.equal((await fetch(`${http}/livez`)).status, 200);
  service.child.stderr?.destroy();
  t.equal((await fetch(`${http}/livez`)).status, 200);
  service.kill('SIGTERM');
  t.equal(await service.exited, 0);
});

t.test('the second signal ends the service at once', async (t) => {
  for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
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

t.test('a debugger is refused where keys are at stake, and does not come by signal', async (t) => {
  const refused = startService(t, { dev: false }, { execArgv: ['--inspect=127.0.0.1:0'] });
  t.equal(await refused.exited, 64);
  t.match(refused.stderr, /keystead: Node's option --inspect .*\(bad-config\)/);

  const service = startService(t, {});
  const { http } = await service.ready();
  service.kill('SIGUSR1');
  t.equal((await fetch(`${http}/livez`)).status, 200);
  t.notMatch(service.stderr, /Debugger/);
});

/** A connection over which a request has begun and does not end. */
async function halfRequest(t: { teardown(fn: () => unknown): void }, url: string): Promise<Socket> {
  const { connect } = await import('node:net');
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.write('POST /v1/data-keys/x/get HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{');
  // Answered in order, so the request before it is certainly read.
  await fetch(`${url}/livez`);
  return socket;
}
