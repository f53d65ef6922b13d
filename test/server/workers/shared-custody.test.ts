import { join } from 'node:path';
import t, { type Test } from 'tap';
import { childrenOf, type ServiceProcess, startService } from '../../support/service-process.ts';

const TOKEN = 'a-token-of-the-admin';

/** A connection of its own for every request, so that each worker gets some. */
async function ask(url: string, path: string, body?: unknown) {
  const headers = { connection: 'close', authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const response = await fetch(
    url + path,
    body === undefined ? { headers } : { method: 'POST', headers, body: JSON.stringify(body) },
  );
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const secret = (fill: string) => Buffer.alloc(32, fill).toString('base64');
const bootstrap = (url: string, fill: string) =>
  ask(url, '/v1/system/bootstrap', { masterSecret: secret(fill), salt: secret('s') });
const key = (url: string) => ask(url, '/v1/data-keys/disk/get', { length: 32 });

function sealedPool(t: Test, workers = 2): ServiceProcess {
  const dir = t.testdir({ token: TOKEN });
  return startService(t, { dev: false, workers, admin: { tokenFile: join(dir, 'token') }, grpc: { listen: 'off' } });
}

t.test('a KEK that is brought to one worker is there in all, and in those that come later', async (t) => {
  const service = sealedPool(t);
  const { http } = await service.ready();
  for (let n = 0; n < 4; n++) t.match(await key(http), { status: 503, body: { reason: 'sealed' } });

  const first = await bootstrap(http, 'a');
  t.equal(first.status, 200);
  const keys = await Promise.all(Array.from({ length: 6 }, () => key(http)));
  t.equal(new Set(keys.map(({ body }) => body['dataKey'])).size, 1);
  t.same(new Set(keys.map(({ status }) => status)), new Set([200]));

  for (let n = 0; n < 3; n++) {
    t.same(await bootstrap(http, 'a'), first, 'the same again is the same answer');
    t.match(await bootstrap(http, 'b'), { status: 409, body: { reason: 'kek-exists' } });
  }

  const [victim] = await childrenOf(service.child.pid as number);
  process.kill(victim as number, 'SIGKILL');
  await service.logged('a worker ended; it is replaced');
  await service.logged('a worker was replaced');
  const later = await Promise.all(Array.from({ length: 6 }, () => key(http)));
  t.same(new Set(later.map(({ body }) => body['dataKey'])), new Set([keys[0]?.body['dataKey']]));
  t.equal(service.log.filter(({ msg }) => msg === 'ready').length, 1);
});

t.test('of many who bring a KEK at once the first wins, and all workers agree', async (t) => {
  const service = sealedPool(t, 3);
  const { http } = await service.ready();
  const answers = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((fill) => bootstrap(http, fill)));
  t.same(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409, 409]);
  const won = answers.find(({ status }) => status === 200)?.body as { kek: { fingerprint: string } };
  const states = await Promise.all(Array.from({ length: 9 }, () => ask(http, '/v1/system/status')));
  t.same(
    new Set(states.map(({ body }) => (body['kek'] as { fingerprint: string }).fingerprint)),
    new Set([won.kek.fingerprint]),
  );
  t.equal(new Set(states.map(({ body }) => body['startedAt'])).size, 1, 'one service, one start');
});

t.test('a KEK that is not fit stays out of every worker', async (t) => {
  const service = sealedPool(t);
  const { http } = await service.ready();
  const short = { masterSecret: Buffer.alloc(15).toString('base64'), salt: secret('s') };
  t.match(await ask(http, '/v1/system/bootstrap', short), { status: 400, body: { reason: 'bad-master-secret' } });
  for (let n = 0; n < 4; n++) t.match(await key(http), { status: 503, body: { reason: 'sealed' } });
  t.match(await bootstrap(http, 'a'), { status: 200 });
});
