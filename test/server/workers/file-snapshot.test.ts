import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import t from 'tap';
import { readSmallFile } from '../../../src/config/read-small-file.ts';
import { FileSnapshot, type PlainFiles, snapshotReader } from '../../../src/server/workers/file-snapshot.ts';
import { childrenOf, startService } from '../../support/service-process.ts';

t.test('what the files held is read from the snapshot, everything else from where it is', async (t) => {
  const dir = t.testdir({ token: 'the first token', cert: 'pem', other: 'elsewhere' });
  const path = (name: string) => join(dir, name);
  const snapshot = await FileSnapshot.read([path('token'), path('cert'), path('none'), dir], readSmallFile);
  writeFileSync(path('token'), 'another token');
  writeFileSync(path('none'), 'here now');
  rmSync(path('cert'));

  const sent: PlainFiles = deserialize(serialize(snapshot.plain()));
  snapshot.dispose();
  t.throws(() => snapshot.plain(), { name: 'KeysteadError', reason: 'unexpected' } as never);
  const read = snapshotReader(sent, readSmallFile);
  for (let times = 0; times < 2; times++) {
    const token = await read(path('token'), 15);
    t.equal(String(token), 'the first token');
    token.fill(0);
  }
  t.equal(String(await read(path('cert'), 100)), 'pem');
  await t.rejects(read(path('none'), 100), { code: 'ENOENT' });
  await t.rejects(read(dir, 100), { code: 'EISDIR' });
  await t.rejects(read(path('token'), 14), { code: 'it is larger than 14 bytes' });
  t.equal(String(await read(path('other'), 100)), 'elsewhere');
});

t.test('a worker that replaces another knows the callers that the others know, until SIGHUP', async (t) => {
  const [first, second] = ['the-first-token-of-all', 'another-token-of-admin'];
  const dir = t.testdir({ token: first, kek: { mastersecret: 'm'.repeat(16), salt: 's'.repeat(32) } });
  const tokenFile = join(dir, 'token');
  const service = startService(t, { workers: 2, dev: false, admin: { tokenFile }, kek: { dir: join(dir, 'kek') } });
  const { http } = await service.ready();
  /** The statuses of calls on connections that go to both workers. */
  const statuses = async (token: string) => {
    const headers = { connection: 'close', authorization: `Bearer ${token}` };
    const asked: number[] = [];
    for (let n = 0; n < 6; n++) {
      asked.push((await fetch(`${http}/v1/data-keys/disk/get?length=32`, { method: 'POST', headers })).status);
    }
    return [...new Set(asked)];
  };
  const replaceOne = async () => {
    const from = service.log.length;
    const [victim] = await childrenOf(service.child.pid as number);
    process.kill(victim as number, 'SIGKILL');
    await service.logged('a worker was replaced', from);
  };
  writeFileSync(tokenFile, second);
  await replaceOne();
  t.same(await statuses(first), [200]);
  t.same(await statuses(second), [401]);
  service.kill('SIGHUP');
  t.same((await service.logged('reloaded'))['changed'], ['admin token']);
  rmSync(tokenFile);
  await replaceOne();
  t.same(await statuses(second), [200]);
  t.same(await statuses(first), [401]);
});

t.test('a worker that starts during a reload has the new callers too', async (t) => {
  const dir = t.testdir({
    token: 'the-first-token-of-all',
    kek: { mastersecret: 'm'.repeat(16), salt: 's'.repeat(32) },
  });
  const tokenFile = join(dir, 'token');
  const service = startService(t, { workers: 2, dev: false, admin: { tokenFile }, kek: { dir: join(dir, 'kek') } });
  const { http } = await service.ready();
  const [victim] = await childrenOf(service.child.pid as number);
  process.kill(victim as number, 'SIGKILL');
  await service.logged('a worker ended; it is replaced');
  while ((await childrenOf(service.child.pid as number)).length < 2);
  writeFileSync(tokenFile, 'another-token-of-admin');
  service.kill('SIGHUP');
  await service.logged('reloaded');
  await service.logged('a worker was replaced');
  const headers = { connection: 'close', authorization: 'Bearer another-token-of-admin' };
  for (let n = 0; n < 6; n++) {
    t.equal((await fetch(`${http}/v1/data-keys/disk/get?length=32`, { method: 'POST', headers })).status, 200);
  }
});
