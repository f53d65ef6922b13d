import t from 'tap';
import { rememberingAudit } from '../../../support/services.ts';
import { isProblem, KNOWN_KEK, type Opened, openApp } from '../support.ts';

const URL = '/v1/data-keys/-/batch-get';
const post = ({ app }: Opened, payload: object | string, headers = {}) =>
  app.inject({ method: 'POST', url: URL, payload, headers: { 'content-type': 'application/json', ...headers } });

t.test('each request has its result, in the same order, and a bad one harms no other', async (t) => {
  const opened = await openApp(t, { config: KNOWN_KEK });
  const requests = [
    { dataKeyId: 'volume-1' },
    { dataKeyId: 'volume-2', length: 0 },
    { dataKeyId: '' },
    { dataKeyId: 'volume-1', length: 16 },
    { dataKeyId: 'volume-3', version: 2 },
    { dataKeyId: 'volume-3', version: 0 },
    { dataKeyId: 'volume-3', create: 'must' },
    { dataKeyId: 'volume-3', expect: 'AAAA' },
    { dataKeyId: 'volume-3', expect: '%' },
    { dataKeyId: 'x'.repeat(4097) },
    { dataKeyId: 'volume-1', expect: '87FsZAOHGo9KAXkZOlyvrw' },
  ];
  const answer = await post(opened, { requests });
  t.equal(answer.statusCode, 200);
  t.equal(answer.headers['cache-control'], 'no-store');
  const { results } = answer.json();
  const outcomes = results.map(
    (result: Record<string, { reason: string }>) => result['problem']?.reason ?? result['dataKey'],
  );
  const key = '1J6nYs6tEh1pRxGwTFxF6O+tWFCMvfp0tc312DzucyI=';
  t.strictSame(outcomes, [
    key,
    'bad-length',
    'bad-id',
    Buffer.from(key, 'base64').subarray(0, 16).toString('base64'),
    'no-version',
    'bad-version',
    'data-key-exists',
    'bad-request',
    'bad-request',
    'bad-id',
    key,
  ]);
  t.match(results[1].problem, { status: 400, instance: /^urn:keystead:audit:[0-9a-f]{32}$/ });
});

t.test('a lone surrogate fails its own request', async (t) => {
  const opened = await openApp(t);
  const answer = await post(opened, '{"requests":[{"dataKeyId":"\\ud800"},{"dataKeyId":"a"}]}');
  t.match(answer.json(), { results: [{ problem: { reason: 'bad-id' } }, { dataKeyId: 'a' }] });
});

t.test('a list that is not well-formed fails as a whole, and nothing is fetched', async (t) => {
  const audit = rememberingAudit();
  const opened = await openApp(t, { ambient: { audit } });
  const good = { dataKeyId: 'a' };
  const bodies: [object | string, string][] = [
    [{}, 'bad-request'],
    [{ requests: [] }, 'bad-request'],
    [{ requests: {} }, 'bad-request'],
    [{ requests: [good, null] }, 'bad-request'],
    [{ requests: [good, {}] }, 'bad-request'],
    [{ requests: [good, { dataKeyId: 1 }] }, 'bad-id'],
    [{ requests: [good, { dataKeyId: 'a', length: '32' }] }, 'bad-length'],
    [{ requests: [good, { dataKeyId: 'a', length: 1.5 }] }, 'bad-length'],
    [{ requests: [good, { dataKeyId: 'a', create: 'x' }] }, 'bad-request'],
    [{ requests: [good, { dataKeyId: 'a', other: 1 }] }, 'bad-request'],
    [{ requests: [good], other: 1 }, 'bad-request'],
    [{ requests: Array.from({ length: 1001 }, () => good) }, 'bad-request'],
    ['{"requests":[{"dataKeyId":"a","dataKeyId":"b"}]}', 'bad-json'],
    ['', 'bad-json'],
  ];
  for (const [body, reason] of bodies) {
    t.comment(JSON.stringify(body).slice(0, 80));
    isProblem(t, await post(opened, body), 400, reason);
  }
  isProblem(t, await opened.app.inject({ method: 'POST', url: URL }), 400, 'bad-request');
  t.equal(audit.events.length, 0);
});

t.test('a list of the wrong size is refused as such, whatever is in it', async (t) => {
  const opened = await openApp(t);
  for (const count of [0, 1001, 9000]) {
    const detail = isProblem(t, await post(opened, { requests: new Array(count).fill(1) }), 400, 'bad-request');
    t.equal(detail, `requests must have 1 to 1000 members, not ${count}`);
  }
});

t.test('a small body that is a very large list is refused before it is read', async (t) => {
  const opened = await openApp(t);
  const detail = isProblem(t, await post(opened, `{"requests":[${'1,'.repeat(3_000_000)}1]}`), 400, 'bad-json');
  t.match(detail, /too many members and elements/);
});

t.test('a thousand requests are taken, with the longest ids and keys', async (t) => {
  const opened = await openApp(t);
  const requests = Array.from({ length: 1000 }, (_, n) => ({
    dataKeyId: `${n}`.padEnd(4096, 'x'),
    length: n < 3 ? 8160 : 32,
    version: 1,
    create: 'if-missing',
  }));
  const { results } = (await post(opened, { requests })).json();
  t.strictSame(
    results.map(({ dataKeyId }: { dataKeyId: string }) => dataKeyId),
    requests.map(({ dataKeyId }) => dataKeyId),
  );
});

t.test('a body beyond 8 MiB is refused', async (t) => {
  const opened = await openApp(t);
  isProblem(t, await post(opened, `{"requests":[],"x":"${'x'.repeat(8 * 1024 * 1024)}"}`), 413, 'body-too-large');
});

t.test('the answer is JSON and nothing else', async (t) => {
  const opened = await openApp(t);
  isProblem(
    t,
    await post(opened, { requests: [{ dataKeyId: 'a' }] }, { accept: 'application/octet-stream' }),
    406,
    'not-acceptable',
  );
});
