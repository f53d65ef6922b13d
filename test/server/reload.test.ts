import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startService } from '../support/service-process.ts';
import { testConfig } from '../support/services.ts';

const TOKEN = 'a-token-of-the-admin';

async function get(url: string, id = 'my-disk', headers: Record<string, string> = {}) {
  return fetch(`${url}/v1/data-keys/${id}/get?length=32`, { method: 'POST', headers });
}

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

t.test('SIGHUP during the start is obeyed when the service has started', async (t) => {
  const dir = t.testdir({ mastersecret: 'm'.repeat(16), salt: 's'.repeat(32) });
  const hangup = `import { Server } from 'node:net';
  const { listen } = Server.prototype;
  Server.prototype.listen = function (...args) {
    process.kill(process.pid, 'SIGHUP');
    return listen.apply(this, args);
  };`;
  const planted = { execArgv: ['--import', `data:text/javascript,${encodeURIComponent(hangup)}`] };
  const service = startService(t, { kek: { dir }, grpc: { listen: 'off' } }, planted);
  const { http } = await service.ready();
  await service.logged('reloaded');
  t.equal((await get(http)).status, 200);
});
