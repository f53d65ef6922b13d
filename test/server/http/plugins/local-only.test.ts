import t from 'tap';
import { assertLocal } from '../../../../src/server/http/plugins/local-only.ts';
import { failure } from '../../../support/failure.ts';
import { isProblem, openApp, withToken } from '../support.ts';

t.test('a development server takes calls for loopback names alone', (t) => {
  const local = ['localhost', 'LOCALHOST:8080', '127.0.0.1', '127.0.0.1:8080', '127.1.2.3:1', '[::1]', '[::1]:8080'];
  for (const host of local) t.doesNotThrow(() => assertLocal({ host }), host);
  const foreign = [
    '',
    'example.com',
    'localhost.example.com',
    'localhost:8080.example.com',
    '127.0.0.1.example.com',
    '10.0.0.1',
    '[::2]',
    '::1',
    'a@localhost',
    'localhost:',
    ' localhost',
  ];
  for (const host of foreign) t.throws(() => assertLocal({ host }), failure('policy'), host);
  t.end();
});

t.test('pages of other sites are refused, pages of this machine are not', (t) => {
  const host = 'localhost:8080';
  for (const origin of ['http://localhost:3000', 'https://127.0.0.1', 'http://[::1]:1']) {
    t.doesNotThrow(() => assertLocal({ host, origin }), origin);
  }
  for (const origin of [
    'null',
    '',
    'https://example.com',
    'http://localhost.example.com',
    'file://',
    'ftp://localhost',
  ]) {
    t.throws(() => assertLocal({ host, origin }), failure('policy'), origin);
  }
  for (const site of ['none', 'same-origin', 'same-site'])
    t.doesNotThrow(() => assertLocal({ host, 'sec-fetch-site': site }), site);
  t.throws(() => assertLocal({ host, 'sec-fetch-site': 'cross-site' }), failure('policy'));
  t.end();
});

t.test('every route of a development server is protected, none of another', async (t) => {
  const calls = [
    { method: 'POST', url: '/v1/data-keys/a/get' },
    { method: 'GET', url: '/livez' },
    { method: 'GET', url: '/metrics' },
  ] as const;
  const development = await openApp(t);
  const production = await openApp(t, { config: withToken(t) });
  for (const call of calls) {
    const headers = { host: 'rebound.example.com' };
    isProblem(t, await development.app.inject({ ...call, headers }), 403, 'policy');
    t.not((await production.app.inject({ ...call, headers })).statusCode, 403);
  }
});
