import { join } from 'node:path';
import t from 'tap';
import { startService } from '../support/service-process.ts';

const TOKEN = 'a-token-that-is-long-enough';

t.test('a sealed service is bootstrapped through its admin listener, which serves nothing else', async (t) => {
  const dir = t.testdir({ token: TOKEN });
  const service = startService(t, {
    dev: false,
    kms: 'kms://cluster-kms',
    admin: { tokenFile: join(dir, 'token'), listen: '127.0.0.1:0' },
  });
  const { http, admin } = (await service.ready()) as unknown as { http: string; admin: string };
  const headers = { authorization: `Bearer ${TOKEN}` };
  const ask = async (base: string, method: string, path: string, body?: object) => {
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await fetch(`${base}${path}`, { method, headers: { ...headers, ...type }, ...json });
    return { status: answer.status, text: await answer.text() };
  };
  t.match(await ask(http, 'GET', '/readyz'), { status: 503, text: /sealed/ });
  t.match(await ask(admin, 'GET', '/readyz'), { status: 503, text: /sealed/ });
  t.match(await ask(admin, 'GET', '/livez'), { status: 200 });
  t.match(await ask(admin, 'GET', '/metrics'), { status: 200, text: /keystead_sealed 1/ });
  t.match(await ask(http, 'GET', '/metrics'), { status: 404 });
  t.match(await ask(http, 'POST', '/v1/system/bootstrap', { generate: true }), { status: 404, text: /no-route/ });
  t.match(await ask(admin, 'POST', '/v1/data-keys/disk/get?length=32'), { status: 404 });

  t.match(await ask(admin, 'POST', '/v1/system/bootstrap', { generate: true }), { status: 200, text: /fingerprint/ });
  t.match(await ask(http, 'GET', '/readyz'), { status: 200 });
  t.match(await ask(http, 'POST', '/v1/data-keys/disk/get?length=32'), { status: 200, text: /dataKey/ });
  const [bootstrap, get] = await service.until(() => (service.audit.length < 2 ? undefined : service.audit));
  t.match(bootstrap, { action: 'system.bootstrap', listener: 'admin', outcome: 'ok' });
  t.match(get, { action: 'data-key.get', listener: 'http', outcome: 'ok' });
  service.kill('SIGTERM');
  t.equal(await service.exited, 0);
  await t.rejects(fetch(`${admin}/livez`));
});
