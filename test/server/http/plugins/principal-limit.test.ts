import t, { type Test } from 'tap';
import { FakeClock } from '../../../support/fake-clock.ts';
import type { ConfigChanges } from '../../../support/services.ts';
import { AUTHORIZATION, isProblem, openApp, withToken } from '../support.ts';

const GET = { method: 'POST', url: '/v1/data-keys/a/get?length=32' } as const;
const KEK = {
  kms: 'kms://cluster-kms?key=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8&salt=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8',
};

/** An app for which no time passes: a second on a busy machine earns a part of a request. */
const open = (t: Test, config: ConfigChanges) => openApp(t, { config, ambient: { clock: new FakeClock() } });

t.test('a caller who sends too much is told when to come again', async (t) => {
  const limits = { requestsPerPrincipal: 2, requestsPerSource: 100 };
  const { app, services } = await open(t, { ...withToken(t), ...KEK, limits });
  const ask = () => app.inject({ ...GET, headers: AUTHORIZATION });
  const first = await ask();
  t.equal(first.statusCode, 200);
  t.match(first.headers, { 'ratelimit-limit': '2', 'ratelimit-remaining': '1', 'ratelimit-reset': '30' });
  t.match((await ask()).headers, { 'ratelimit-remaining': '0', 'ratelimit-reset': '60' });
  const refused = await ask();
  t.match(isProblem(t, refused, 429, 'rate-limit'), /a caller may send 2 requests a minute/);
  t.match(refused.headers, { 'retry-after': '30', 'ratelimit-limit': '2', 'ratelimit-remaining': '0' });
  t.match((await services.metrics.exposition()).body, /keystead_failures_total\{reason="rate-limit"\} 1/);
});

t.test('answers that hold no key say it too, raw keys as well', async (t) => {
  const limits = { requestsPerPrincipal: 10, requestsPerSource: 0 };
  const { app } = await open(t, { ...withToken(t), ...KEK, limits });
  const raw = await app.inject({ ...GET, headers: { ...AUTHORIZATION, accept: 'application/octet-stream' } });
  t.match(raw.headers, { 'ratelimit-limit': '10', 'ratelimit-remaining': '9' });
  const list = await app.inject({ method: 'GET', url: '/v1/data-keys', headers: AUTHORIZATION });
  t.match(list.headers, { 'ratelimit-remaining': '8' });
  const bad = await app.inject({ ...GET, url: '/v1/data-keys/a/get?length=0', headers: AUTHORIZATION });
  t.equal(bad.statusCode, 400);
  t.match(bad.headers, { 'ratelimit-remaining': '7' });
});

t.test('a source is counted before anybody looks at its credentials; health and status are answered', async (t) => {
  const limits = { requestsPerPrincipal: 0, requestsPerSource: 2, failedLogins: 0 };
  const { app } = await open(t, { ...withToken(t), ...KEK, limits });
  const wrong = () => app.inject({ ...GET, headers: { authorization: 'Bearer wrong-wrong-wrong-wrong' } });
  t.equal((await wrong()).statusCode, 401);
  t.equal((await wrong()).statusCode, 401);
  t.match(isProblem(t, await wrong(), 429, 'rate-limit'), /source address/);
  isProblem(t, await app.inject({ ...GET, headers: AUTHORIZATION }), 429, 'rate-limit');
  isProblem(t, await app.inject({ method: 'GET', url: '/openapi.json' }), 429, 'rate-limit');
  for (const url of ['/livez', '/readyz', '/v1/system/status', '/metrics']) {
    const answer = await app.inject({ method: 'GET', url });
    t.equal(answer.statusCode, 200, url);
    t.notOk('ratelimit-limit' in answer.headers, url);
  }
});

t.test('what no route takes is counted by its source, too', async (t) => {
  const limits = { requestsPerPrincipal: 0, requestsPerSource: 3 };
  const { app, services } = await open(t, { ...withToken(t), ...KEK, limits });
  const ask = (method: 'GET' | 'PUT', url: string) => app.inject({ method, url });
  const first = await ask('GET', '/nowhere');
  isProblem(t, first, 404, 'no-route');
  t.match(first.headers, { 'ratelimit-limit': '3', 'ratelimit-remaining': '2' });
  isProblem(t, await ask('PUT', '/v1/system/bootstrap'), 405, 'method-not-allowed');
  isProblem(t, await ask('GET', '/v1/data-keys/%zz'), 400, 'bad-id');
  for (const url of ['/nowhere', '/v1/data-keys/%zz', '/nowhere?a=1']) {
    const refused = await ask('GET', url);
    t.match(isProblem(t, refused, 429, 'rate-limit'), /a source address may send 3 requests a minute/);
    t.match(refused.headers, { 'retry-after': '20', 'ratelimit-remaining': '0' });
  }
  isProblem(t, await app.inject({ ...GET, headers: AUTHORIZATION }), 429, 'rate-limit');
  t.equal((await ask('GET', '/livez')).statusCode, 200);
  t.match((await services.metrics.exposition()).body, /keystead_failures_total\{reason="rate-limit"\} 4/);
});

/** An app with so many requests for each principal, and batches of one. */
async function batches(t: Test, requestsPerPrincipal: number) {
  const limits = { requestsPerPrincipal, requestsPerSource: 0 };
  const { app } = await open(t, { ...withToken(t), ...KEK, limits });
  const batch = (count: number) =>
    app.inject({
      method: 'POST',
      url: '/v1/data-keys/-/batch-get',
      headers: AUTHORIZATION,
      payload: { requests: Array.from({ length: count }, (_, n) => ({ dataKeyId: `a-${n}` })) },
    });
  return { app, batch };
}

t.test('each request of a batch counts', async (t) => {
  const { app, batch } = await batches(t, 10);
  t.match((await batch(8)).headers, { 'ratelimit-remaining': '2' });
  isProblem(t, await batch(4), 429, 'rate-limit');
  t.match((await app.inject({ ...GET, headers: AUTHORIZATION })).headers, { 'ratelimit-remaining': '0' });
});

t.test('a batch that no wait would let pass is told so, and not to come again', async (t) => {
  const { batch } = await batches(t, 3);
  const refused = await batch(4);
  t.match(isProblem(t, refused, 400, 'bad-request'), /a batch may have 3 members here/);
  t.notOk('retry-after' in refused.headers);
  isProblem(t, await batch(3), 429, 'rate-limit');
});

t.test('a development server, and limits of 0, limit nobody', async (t) => {
  const none = { requestsPerPrincipal: 0, requestsPerSource: 0 };
  const dev = await open(t, { ...KEK, limits: { requestsPerPrincipal: 1, requestsPerSource: 1 } });
  const free = await open(t, { ...withToken(t), ...KEK, limits: none });
  for (const { app } of [dev, free]) {
    for (let n = 0; n < 3; n++) {
      const answer = await app.inject({ ...GET, headers: AUTHORIZATION });
      t.equal(answer.statusCode, 200);
      t.notOk('ratelimit-limit' in answer.headers);
    }
  }
});
