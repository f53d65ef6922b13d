import { existsSync } from 'node:fs';
import t from 'tap';
import { childrenOf, startService } from '../../support/service-process.ts';

/** Over a connection of its own, so that each worker gets some. */
async function key(url: string): Promise<unknown> {
  const init = { method: 'POST', headers: { connection: 'close' } };
  const response = await fetch(`${url}/v1/data-keys/disk/get?length=32`, init);
  return ((await response.json()) as { dataKey: unknown }).dataKey;
}

t.test('metrics are those of all workers together, also of one that is gone', async (t) => {
  const service = startService(t, { workers: 2, grpc: { listen: 'off' } });
  const { http } = await service.ready();
  for (let n = 0; n < 10; n++) await key(http);
  const counted = async () => {
    const text = await (await fetch(`${http}/metrics`, { headers: { connection: 'close' } })).text();
    return Number(/^keystead_request_duration_seconds_count\{[^}]*get[^}]*outcome="200"\} (\d+)$/m.exec(text)?.[1]);
  };
  t.equal(await counted(), 10);
  const [victim] = await childrenOf(service.child.pid as number);
  process.kill(victim as number, 'SIGKILL');
  await service.logged('a worker ended; it is replaced');
  t.equal(await counted(), 10);
});

t.test('when all workers end at once, the new ones are found at the same address', async (t) => {
  const service = startService(t, { workers: 2 });
  const { http } = await service.ready();
  const before = await key(http);
  for (const pid of await childrenOf(service.child.pid as number)) process.kill(pid, 'SIGKILL');
  const replaced = () => service.log.filter(({ msg }) => msg === 'a worker was replaced').length === 2 || undefined;
  await service.until(replaced);
  t.equal(await key(http), before);
});

t.test('no worker outlives its primary', async (t) => {
  const service = startService(t, { workers: 2 });
  await service.ready();
  const workers = await childrenOf(service.child.pid as number);
  t.equal(workers.length, 2);
  service.kill('SIGKILL');
  // Their end of the pipe is closed when the last of them is gone.
  t.equal(await service.exited, 'SIGKILL');
  for (const pid of workers) t.notOk(existsSync(`/proc/${pid}/cwd`));
});

t.test('the KEK is in no argument and no variable of a worker', async (t) => {
  const { readFileSync } = await import('node:fs');
  const dir = t.testdir({ mastersecret: 'the-master-secret-itself', salt: 's'.repeat(32) });
  const service = startService(t, { workers: 2, kek: { dir } });
  await service.ready();
  for (const pid of await childrenOf(service.child.pid as number)) {
    for (const file of ['cmdline', 'environ'])
      t.notMatch(readFileSync(`/proc/${pid}/${file}`, 'latin1'), /the-master-secret/);
  }
});

t.test('audit lines of several workers never cut each other', async (t) => {
  const service = startService(t, { workers: 2, grpc: { listen: 'off' } });
  const { http } = await service.ready();
  const id = encodeURIComponent('ä\u0000"'.repeat(400));
  const loop = async () => {
    for (let n = 0; n < 40; n++) await fetch(`${http}/v1/data-keys/${id}/get?length=1`, { method: 'POST' });
  };
  await Promise.all(Array.from({ length: 16 }, loop));
  service.kill('SIGTERM');
  t.equal(await service.exited, 0);
  t.equal(service.audit.length, 640);
  t.ok(service.audit.every(({ resourceSha256 }) => typeof resourceSha256 === 'string'));
});

t.test('what a worker cannot do ends the service with its reason', async (t) => {
  const service = startService(t, { workers: 2, kek: { fingerprint: '0'.repeat(32) } });
  t.equal(await service.exited, 65);
  t.match(service.stderr, /^keystead: [^\n]*\(fingerprint-mismatch\)\n$/);
});

t.test('workers that would each have a store of their own are refused', async (t) => {
  const service = startService(t, { workers: 2, kms: 'kms://cluster-kms?mode=wrap' });
  t.equal(await service.exited, 64);
  t.match(service.stderr, /^keystead: 2 workers would each hold [^\n]*\(bad-config\)\n$/);
});
