import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { startService } from '../support/service-process.ts';

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
  t.match(await service.until(() => service.audit[0]), {
    audit: 2,
    action: 'data-key.get',
    resource: 'my-disk',
    outcome: 'ok',
  });
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
    [
      { kek: { dir: join(dir, 'good'), fingerprint: '0'.repeat(32) } },
      65,
      /has fingerprint .*\(fingerprint-mismatch\)/,
    ],
    [{ http: { listen: inUse } }, 75, /is in use.*\(address-in-use\)/],
    [{ grpc: { listen: inUse } }, 75, /is in use.*\(address-in-use\)/],
    [{ tls: { certFile: join(dir, 'file'), keyFile: join(dir, 'none') } }, 66, /none is not there \(no-file\)/],
    [{ tls: { certFile: join(dir, 'file'), keyFile: dir } }, 66, /cannot be read \(EISDIR\) \(cannot-read\)/],
    [{ tls: { certFile: join(dir, 'file'), keyFile: join(dir, 'token') } }, 64, /PEM certificate \(bad-config\)/],
    [{ dev: false, admin: { tokenFile: join(dir, 'none') } }, 66, /none is not there \(no-file\)/],
    [{ dev: false, admin: { tokenFile: dir } }, 66, /cannot be read \(EISDIR\) \(cannot-read\)/],
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

t.test(
  'options that write memory to a file are refused, in either spelling and from the environment too',
  async (t) => {
    const spelt = startService(t, { dev: false }, { execArgv: ['--heapsnapshot_signal=SIGUSR2'] });
    const before = process.env['NODE_OPTIONS'];
    process.env['NODE_OPTIONS'] = `${before ?? ''} --heapsnapshot-signal=SIGUSR2`;
    const inherited = startService(t, { dev: false });
    if (before === undefined) delete process.env['NODE_OPTIONS'];
    else process.env['NODE_OPTIONS'] = before;
    for (const refused of [spelt, inherited]) {
      t.equal(await refused.exited, 64);
      t.match(refused.stderr, /Node's option --heapsnapshot[-_]signal .*\(bad-config\)/);
    }
  },
);

t.test('a debugger is refused where keys are at stake, and does not come by signal', async (t) => {
  const refused = startService(t, { dev: false }, { execArgv: ['--inspect=127.0.0.1:0'] });
  t.equal(await refused.exited, 64);
  t.match(refused.stderr, /keystead: Node's option --inspect .*\(bad-config\)/);

  const service = startService(t, {});
  const { http } = await service.ready();
  if (process.platform === 'linux') {
    const filter = readFileSync(`/proc/${service.child.pid}/coredump_filter`, 'utf8');
    t.equal(Number.parseInt(filter, 16), 0, 'a core file would hold no memory');
  }
  service.kill('SIGUSR1');
  t.equal((await fetch(`${http}/livez`)).status, 200);
  t.notMatch(service.stderr, /Debugger/);
});

t.test('a reader of stdout that has stalled does not keep the service from ending', async (t) => {
  // More than any pipe holds, so that no audit line is ever taken.
  const flood = "process.stdout.write('x'.repeat(4_000_000))";
  const service = startService(t, {}, { execArgv: ['--import', `data:text/javascript,${encodeURIComponent(flood)}`] });
  service.child.stdout?.pause();
  t.teardown(() => service.child.stdout?.resume());
  const { http } = await service.ready();
  t.equal((await get(http)).status, 503);
  const exited = once(service.child, 'exit');
  service.kill('SIGTERM');
  t.same(await exited, [0, null]);
  t.equal(service.log.at(-1)?.['msg'], 'closed', 'the last line has reached stderr');
});
