import t from 'tap';
import { KeysteadError } from '../../../../src/core/errors.ts';
import { AUTHORIZATION, isProblem, KNOWN_KEK, openApp, withToken } from '../support.ts';

t.test('an unknown route is not found, whatever its method and body', async (t) => {
  const { app } = await openApp(t);
  const headers = { 'content-type': 'application/json' };
  for (const url of ['/', '/v1', '/v1/data-keys/', '/V1/data-keys', '/livez/', '//livez', '/v1/data-keys/a/b/c']) {
    if (url !== '/v1/data-keys/') isProblem(t, await app.inject(url), 404, 'no-route');
  }
  isProblem(t, await app.inject({ method: 'POST', url: '/nowhere', payload: '{', headers }), 404, 'no-route');
  isProblem(
    t,
    await app.inject({ method: 'POST', url: '/nowhere', payload: 'x', headers: { 'content-type': 'text/plain' } }),
    404,
    'no-route',
  );
  const wrong = { method: 'PROPFIND', url: '/nowhere' } as never;
  isProblem(t, await app.inject(wrong), 404, 'no-route');
});

t.test('a known path with another method says which it takes', async (t) => {
  const { app } = await openApp(t);
  const paths: [string, string][] = [
    ['/v1/data-keys/a/get', 'POST'],
    ['/v1/data-keys/a%2Fb/get?length=32', 'POST'],
    ['/v1/data-keys/-/batch-get', 'POST'],
    ['/v1/data-keys', 'GET, HEAD'],
    ['/v1/data-keys/a', 'GET, HEAD, DELETE'],
    ['/v1/data-keys/a/rotate', 'POST'],
    ['/v1/data-keys/-/rewrap-all', 'POST'],
    ['/v1/system/status', 'GET, HEAD'],
    ['/v1/system/bootstrap', 'POST'],
    ['/livez', 'GET, HEAD'],
    ['/readyz', 'GET, HEAD'],
    ['/metrics', 'GET, HEAD'],
    ['/openapi.json', 'GET, HEAD'],
  ];
  for (const [url, allow] of paths) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND']) {
      if (allow.includes(method)) continue;
      const answer = await app.inject({ method, url } as never);
      t.equal(answer.headers['allow'], allow, `${method} ${url}`);
      isProblem(t, answer, 405, 'method-not-allowed');
    }
  }
});

t.test('HEAD has the headers of GET, and nothing else', async (t) => {
  const { app } = await openApp(t);
  for (const url of ['/livez', '/readyz', '/v1/system/status', '/v1/data-keys', '/v1/data-keys/a', '/openapi.json']) {
    const [head, get] = [await app.inject({ method: 'HEAD', url }), await app.inject(url)];
    t.equal(head.statusCode, 200, url);
    t.equal(head.payload, '', url);
    t.equal(head.headers['content-length'], get.headers['content-length'], url);
    t.equal(head.headers['content-type'], get.headers['content-type'], url);
  }
});

t.test('a query where none belongs is refused', async (t) => {
  const { app } = await openApp(t);
  for (const url of ['/livez?a=1', '/v1/system/status?verbose', '/v1/data-keys/a?length=32']) {
    isProblem(t, await app.inject(url), 400, 'bad-request');
  }
});

t.test('credentials are asked for before anything is read', async (t) => {
  const { app } = await openApp(t, { config: { ...withToken(t), ...KNOWN_KEK } });
  const calls = [
    { method: 'POST', url: '/v1/data-keys/a/get', payload: 'no json', headers: { 'content-type': 'application/json' } },
    { method: 'POST', url: '/v1/data-keys/-/batch-get' },
    { method: 'GET', url: '/v1/data-keys?other=1' },
    { method: 'GET', url: '/v1/data-keys/a' },
    { method: 'POST', url: '/v1/system/bootstrap' },
  ] as const;
  for (const call of calls) {
    const answer = await app.inject(call);
    isProblem(t, answer, 401, 'no-credentials');
    t.equal(answer.headers['www-authenticate'], 'Bearer');
    const wrong = await app.inject({ ...call, headers: { authorization: 'Bearer another-token-altogether' } });
    isProblem(t, wrong, 401, 'bad-credentials');
  }
  for (const url of ['/livez', '/v1/system/status', '/metrics', '/openapi.json']) {
    t.equal((await app.inject(url)).statusCode, 200, url);
  }
  t.equal((await app.inject({ url: '/v1/data-keys', headers: AUTHORIZATION })).statusCode, 200);
});

t.test('without any credentials configured, liveness, readiness and status alone answer', async (t) => {
  const { app } = await openApp(t, { config: { dev: false } });
  for (const url of ['/livez', '/v1/system/status']) t.equal((await app.inject(url)).statusCode, 200, url);
  isProblem(t, await app.inject('/readyz'), 503, 'sealed');
  for (const url of ['/metrics', '/openapi.json', '/v1/data-keys'])
    isProblem(t, await app.inject(url), 401, 'no-credentials');
  isProblem(t, await app.inject({ url: '/v1/data-keys', headers: AUTHORIZATION }), 401, 'no-credentials');
});

t.test('what nobody expected is told to nobody', async (t) => {
  const failing = (error: unknown) => ({ dataKeys: { get: () => Promise.reject(error) } as never });
  for (const error of [
    new Error('inner words'),
    Object.assign(new Error('inner words'), { statusCode: 418, code: 'TEAPOT' }),
    'inner words',
  ]) {
    const { app } = await openApp(t, { services: failing(error) });
    const answer = await app.inject({ method: 'POST', url: '/v1/data-keys/a/get' });
    isProblem(t, answer, 500, 'unexpected');
    t.notMatch(answer.payload, /inner words|at .*\.ts/);
  }
});

t.test('the audit id of a problem is the trace id of the request', async (t) => {
  const denied = new KeysteadError('policy', 'no');
  const { app } = await openApp(t, { services: { dataKeys: { get: () => Promise.reject(denied) } as never } });
  const headers = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
  const answer = await app.inject({ method: 'POST', url: '/v1/data-keys/a/get', headers });
  isProblem(t, answer, 403, 'policy');
  t.equal(answer.json().instance, 'urn:keystead:audit:4bf92f3577b34da6a3ce929d0e0e4736');
});
