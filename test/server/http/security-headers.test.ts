import t from 'tap';
import { baseHeaders } from '../../../src/server/http/security-headers.ts';
import { AUTHORIZATION, KNOWN_KEK, openApp, withToken } from './support.ts';

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

t.test('answers are not kept, not guessed at, and stand in no page; over TLS alone they ask for TLS', async (t) => {
  t.same(baseHeaders(false).named, HEADERS);
  t.same(baseHeaders(true).named, { ...HEADERS, 'strict-transport-security': 'max-age=31536000' });
  t.same(baseHeaders(true).flat, Object.entries(baseHeaders(true).named).flat());
});

t.test(
  'every kind of answer has them: keys, raw keys, JSON, text, refusals, what is no route, what is no HTTP',
  async (t) => {
    const { app } = await openApp(t, { config: { ...withToken(t), ...KNOWN_KEK } });
    const key = { method: 'POST', url: '/v1/data-keys/a/get?length=32', headers: AUTHORIZATION } as const;
    for (const [status, request] of [
      [200, key],
      [200, { ...key, headers: { ...AUTHORIZATION, accept: 'application/octet-stream' } }],
      [200, { method: 'GET', url: '/v1/system/status' }],
      [200, { method: 'GET', url: '/metrics' }],
      [200, { method: 'GET', url: '/openapi.json' }],
      [401, { ...key, headers: {} }],
      [404, { method: 'GET', url: '/' }],
      [400, { method: 'GET', url: '/v1/data-keys/%ff' }],
    ] as const) {
      const answer = await app.inject(request);
      t.equal(answer.statusCode, status, request.url);
      t.match(answer.headers, HEADERS, request.url);
    }
  },
);
