import { mock } from 'node:test';
import { inspect } from 'node:util';
import t, { type Test } from 'tap';
import { KeysteadClient } from '../../src/client/http-client.ts';
import { failure } from '../support/failure.ts';
import { json, KEY, problem, rawKey, type Step, scriptedServer, testAmbient, UNAVAILABLE } from './scripted-server.ts';

const reset: Step = (response) => response.destroy();
const hang: Step = () => {};
const cutShort: Step = (response) => {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': '32' });
  response.write(KEY.subarray(0, 16));
  setImmediate(() => response.destroy());
};

async function clientOf(t: { teardown(fn: () => unknown): void }, steps: readonly Step[], over: object = {}) {
  const server = await scriptedServer(t, ...steps);
  const ambient = testAmbient();
  const client = new KeysteadClient({ server: server.url, ambient, ...over });
  return { server, ambient, client };
}

t.test('a service that is away for a moment is asked again', async (t) => {
  for (const fault of [UNAVAILABLE, reset, cutShort]) {
    const { client, server, ambient } = await clientOf(t, [fault, fault, rawKey('a')]);
    const { key } = await client.getDataKey('a');
    t.same(key.expose(), KEY);
    key.dispose();
    t.equal(server.requests.length, 3);
    t.same(ambient.slept, [50, 100], 'full jitter over a window that doubles');
  }
});

t.test('retries end', async (t) => {
  const { client, server } = await clientOf(t, [UNAVAILABLE], { retries: 2 });
  await t.rejects(client.getDataKey('a'), failure('kms-unreachable', /^in plain words$/));
  t.equal(server.requests.length, 3);
});

t.test('what the error table does not call retryable is asked once', async (t) => {
  const cases = [
    problem(503, { code: 'failed_precondition', reason: 'sealed' }),
    problem(400, { code: 'invalid_argument', reason: 'bad-id' }),
    problem(500, { code: 'internal', reason: 'unexpected' }),
    problem(412, { code: 'failed_precondition', reason: 'check-mismatch' }),
  ];
  for (const step of cases) {
    const { client, server } = await clientOf(t, [step]);
    await t.rejects(client.getDataKey('a'), { name: 'KeysteadError' });
    t.equal(server.requests.length, 1);
  }
});

t.test('Retry-After is respected', async (t) => {
  const busy = (after: string) =>
    problem(429, { code: 'resource_exhausted', reason: 'too-many-requests' }, { 'retry-after': after });
  const { client, ambient } = await clientOf(t, [busy('2'), busy('Thu, 01 Jan 1970 00:00:03 GMT'), rawKey('a')]);
  (await client.getDataKey('a')).key.dispose();
  t.same(ambient.slept, [2050, 3100]);
});

t.test('a Retry-After beyond the deadline ends the call at once', async (t) => {
  const busy = problem(503, { code: 'unavailable', reason: 'closing' }, { 'retry-after': '60' });
  const { client, ambient } = await clientOf(t, [busy]);
  await t.rejects(client.getDataKey('a'), { name: 'KeysteadError', reason: 'closing', retryAfter: 60 });
  t.same(ambient.slept, []);
});

t.test('a key that must be new is not asked for again when the first call may have made it', async (t) => {
  for (const step of [reset, cutShort, UNAVAILABLE, problem(504, { code: 'deadline_exceeded', reason: 'timeout' })]) {
    const { client, server } = await clientOf(t, [step, rawKey('a')]);
    await t.rejects(client.getDataKey('a', { create: 'must' }), { name: 'KeysteadError' });
    t.equal(server.requests.length, 1);
  }
});

t.test('a key that must be new is asked for again when the service certainly did nothing', async (t) => {
  for (const fields of [
    { code: 'unavailable', reason: 'closing' },
    { code: 'resource_exhausted', reason: 'too-many-requests' },
  ]) {
    const { client, server } = await clientOf(t, [problem(503, fields), rawKey('a')]);
    (await client.getDataKey('a', { create: 'must' })).key.dispose();
    t.equal(server.requests.length, 2);
  }
  const gone = await scriptedServer(t, hang);
  await gone.close();
  const ambient = testAmbient();
  const client = new KeysteadClient({ server: gone.url, ambient, retries: 1 });
  await t.rejects(client.getDataKey('a', { create: 'must' }), failure('server-unreachable', /ECONNREFUSED/));
  t.equal(ambient.slept.length, 1, 'a refused connection reached nobody');
});

t.test('a service that generates its KEK is not asked twice', async (t) => {
  const { client, server } = await clientOf(t, [reset, json({ kek: { version: 1, fingerprint: 'f' } })]);
  await t.rejects(client.bootstrap({ generate: true }), failure('server-unreachable'));
  t.equal(server.requests.length, 1);
});

t.test('a service that never answers ends with the deadline', async (t) => {
  const late = passingAtOnce(t, 50);
  const { client, server } = await clientOf(t, [late], { timeoutMs: 50 });
  await t.rejects(client.getDataKey('a'), failure('timeout', /^no answer from http:.* within 50 ms$/));
  t.equal(server.requests.length, 1);
});

t.test('the deadline holds over all attempts, and the last failure is told', async (t) => {
  const late = passingAtOnce(t, 100);
  const { client } = await clientOf(t, [UNAVAILABLE, late], { timeoutMs: 100 });
  await t.rejects(client.getDataKey('a'), failure('timeout', /the last failure was: in plain words$/));
});

t.test('a body that never ends ends with the deadline', async (t) => {
  const drip: Step = (response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    response.write(KEY.subarray(0, 1));
  };
  const { client } = await clientOf(t, [drip], { timeoutMs: 50 });
  await t.rejects(client.getDataKey('a'), failure('timeout'));
});

t.test('the caller can cancel, before and during a call', async (t) => {
  const controller = new AbortController();
  const abort: Step = () => controller.abort(new Error('enough'));
  const { client, server } = await clientOf(t, [abort]);
  await t.rejects(client.getDataKey('a', { signal: controller.signal }), failure('client-gone'));
  t.equal(server.requests.length, 1);
  await t.rejects(client.getDataKey('a', { signal: controller.signal }), failure('client-gone'));
  t.equal(server.requests.length, 1);
});

t.test('an answer that is not the key that was asked for is refused', async (t) => {
  const cases: [Step, RegExp][] = [
    [rawKey('a', {}, KEY.subarray(0, 31)), /a key of 31 bytes where 32/],
    [rawKey('a', {}, Buffer.alloc(33)), /a key of 33 bytes where 32/],
    [rawKey('a', {}, Buffer.alloc(1000)), /longer than 33 bytes/],
    [rawKey('a', { 'keystead-check': Buffer.alloc(16).toString('base64') }), /does not have the check value/],
    [rawKey('a', { 'keystead-check': 'AAAA' }), /does not have the check value/],
    [rawKey('a', { 'keystead-check': '!' }), /is not base64/],
    [rawKey('a', { 'keystead-check': '' }), /lacks the Keystead-… headers/],
    [rawKey('a', { 'keystead-version': 'x' }), /lacks the Keystead-… headers/],
    [rawKey('a', { 'keystead-created': 'maybe' }), /lacks the Keystead-… headers/],
    [rawKey('b'), /of another id/],
    [rawKey('a', { 'content-type': 'text/html' }), /answered with text\/html where application\/octet-stream/],
    [rawKey('a', { 'content-type': '' }), /answered with no known content type/],
  ];
  for (const [step, message] of cases) {
    const { client, server } = await clientOf(t, [step]);
    await t.rejects(client.getDataKey('a'), failure('bad-answer', message), String(message));
    t.equal(server.requests.length, 1);
  }
});

t.test('a key of another version, or not the expected one, is refused whatever the service says', async (t) => {
  const { client } = await clientOf(t, [rawKey('a')]);
  await t.rejects(client.getDataKey('a', { version: 2 }), failure('bad-answer', /version 1 where 2/));
  await t.rejects(client.getDataKey('a', { expect: new Uint8Array(16) }), failure('check-mismatch'));
});

t.test('redirects are not followed', async (t) => {
  const other = await scriptedServer(t, rawKey('a'));
  const redirect: Step = (response) => response.writeHead(307, { location: other.url }).end();
  const { client } = await clientOf(t, [redirect], { token: 'a-token-of-some-length' });
  await t.rejects(client.getDataKey('a'), failure('bad-answer', /a redirect \(status 307\)/));
  t.same(other.requests, []);
});

t.test('an answer of something else than Keystead is told as such', async (t) => {
  const page =
    (status: number): Step =>
    (response) =>
      response.writeHead(status, { 'content-type': 'text/html' }).end('<html>secret page</html>');
  const rows: [number, string][] = [
    [404, 'bad-answer'],
    [401, 'bad-credentials'],
    [502, 'server-unreachable'],
    [200, 'bad-answer'],
  ];
  for (const [status, reason] of rows) {
    const { client } = await clientOf(t, [page(status)], { retries: 0 });
    await t.rejects(client.status(), { name: 'KeysteadError', reason, message: /is it a Keystead service\?$/ });
  }
  const { client } = await clientOf(t, [json([1]), json({}), json({ version: 1 })]);
  await t.rejects(client.status(), failure('bad-answer', /not a JSON object/));
  await t.rejects(client.status(), failure('bad-answer', /no usable field "version"/));
  await t.rejects(client.status(), failure('bad-answer', /no usable field "version"/));
});

t.test('JSON that cannot be read, and too much of it, is refused', async (t) => {
  const broken: Step = (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"a');
  const { client } = await clientOf(t, [broken]);
  await t.rejects(client.status(), failure('bad-answer', /JSON that cannot be read$/));
  const flood: Step = (response) => {
    response.writeHead(500, { 'content-type': 'application/problem+json' });
    response.end(Buffer.alloc(65_537, ' '));
  };
  const flooded = await clientOf(t, [flood]);
  await t.rejects(flooded.client.status(), failure('bad-answer', /longer than 65536 bytes/));
});

t.test('a list that turns in a circle ends', async (t) => {
  const { client } = await clientOf(t, [json({ dataKeys: [], nextPageToken: 'again' })]);
  const all = async () => {
    for await (const _ of client.list());
  };
  await t.rejects(all(), failure('bad-answer', /repeats a page/));
});

t.test('neither errors nor the client show token or key', async (t) => {
  const token = 'token-that-nobody-may-see';
  const bad = rawKey('a', { 'keystead-check': Buffer.alloc(16).toString('base64') });
  const { client } = await clientOf(t, [bad, reset], { token, retries: 0 });
  const key = Buffer.from(KEY);
  for (let attempt = 0; attempt < 2; attempt++) {
    const error = await client.getDataKey('a').catch((caught: unknown) => caught);
    const text = inspect(error, { depth: 20, showHidden: true }) + inspect(client, { depth: 20, showHidden: true });
    for (const secret of [token, key.toString('hex'), key.toString('base64')]) t.notOk(text.includes(secret), secret);
  }
});

/** Timers of this test stand still until the request is there, and then so many milliseconds pass without an answer. */
function passingAtOnce(t: Test, milliseconds: number): Step {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  return () => mock.timers.tick(milliseconds);
}
