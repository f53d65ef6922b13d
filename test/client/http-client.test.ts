import { createHmac, hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { KeysteadClient } from '../../src/client/http-client.ts';
import type { ClientOptions } from '../../src/client/options.ts';
import { KeysteadError } from '../../src/core/errors.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { buildApp } from '../../src/server/http/app.ts';
import { failure } from '../support/failure.ts';
import { testConfig, testServices } from '../support/services.ts';
import { json, KEY, rawKey, scriptedServer } from './scripted-server.ts';

type Test = { teardown(fn: () => unknown): void };

const MASTER = Buffer.alloc(32, 1);
const SALT = Buffer.alloc(32, 2);

/** A client of a real service, in development mode unless the test says more. */
async function openClient(t: Test, config: Parameters<typeof testServices>[1] = {}, over: Partial<ClientOptions> = {}) {
  const services = await testServices(t, config);
  const app = await buildApp({ services, config: testConfig(config), log: false });
  t.teardown(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return new KeysteadClient({ server: `http://127.0.0.1:${port}`, retries: 0, ...over });
}

t.test('a data key is the same each time, and has the check value that it came with', async (t) => {
  const client = await openClient(t);
  const first = await client.getDataKey('disk');
  const again = await client.getDataKey('disk', { version: first.version, expect: first.check });
  t.ok(first.key.equals(again.key));
  t.equal(first.key.length, 32);
  t.same(Buffer.from(first.check), Buffer.from(hmacCheck(first.key)));
  t.hasStrict(first, { id: 'disk', version: 1, created: false, source: 'derived' });
  first.key.dispose();
  again.key.dispose();
});

t.test('every id reaches the service as it is', async (t) => {
  const client = await openClient(t);
  const ids = [
    '/',
    '..',
    '.',
    'a/../b',
    '%2e',
    '%2e%2e',
    'a b',
    '+',
    '?x=1#y',
    '\0',
    'ü',
    '😀',
    '\\',
    '-',
    'é'.normalize('NFD'),
  ];
  ids.push('é', `'"<>&`, '\u202e', '*!()~', 'é'.repeat(2048), '/'.repeat(4096), 'Keystead\r\nX: y');
  const seen = new Set<string>();
  for (const id of ids) {
    const one = await client.getDataKey(id, { length: 16 });
    const [batched] = await client.batchGet([{ id, length: 16 }]);
    if (batched === undefined || batched instanceof KeysteadError) throw batched ?? new Error('nothing');
    t.ok(one.key.equals(batched.key), JSON.stringify(id).slice(0, 60));
    seen.add(Buffer.from(one.key.expose()).toString('hex'));
  }
  t.equal(seen.size, ids.length, 'no two ids share a key');
});

t.test('every length from 1 to 8160 is given, and none else is asked for', async (t) => {
  const client = await openClient(t);
  for (const length of [1, 31, 33, 8160]) t.equal((await client.getDataKey('a', { length })).key.length, length);
  for (const length of [0, -1, 1.5, 8161, Number.NaN, '32' as unknown as number]) {
    await t.rejects(client.getDataKey('a', { length }), failure('bad-length'));
  }
});

t.test('what the service would refuse is refused before it is asked', async (t) => {
  const server = await scriptedServer(t, rawKey('a'));
  const client = new KeysteadClient({ server: server.url });
  await t.rejects(client.getDataKey(''), failure('bad-id'));
  await t.rejects(client.getDataKey('\ud800'), failure('bad-id'));
  await t.rejects(client.getDataKey('x'.repeat(4097)), failure('bad-id'));
  await t.rejects(client.getDataKey('a', { version: 0 }), failure('bad-version'));
  await t.rejects(client.getDataKey('a', { expect: new Uint8Array(15) }), failure('bad-request'));
  await t.rejects(client.batchGet([]), failure('bad-request'));
  await t.rejects(client.batchGet(Array.from({ length: 1001 }, () => ({ id: 'a' }))), failure('bad-request'));
  await t.rejects(client.list({ prefix: '\ud800' }).next(), failure('bad-id'));
  await t.rejects(client.describe('..'), failure('bad-id', /cannot stand in a URL/));
  t.same(server.requests, []);
});

t.test('the errors of the service keep their reason', async (t) => {
  const client = await openClient(t);
  await t.rejects(client.getDataKey('a', { expect: new Uint8Array(16) }), failure('check-mismatch'));
  await t.rejects(client.getDataKey('a', { create: 'must' }), failure('data-key-exists'));
  await t.rejects(client.getDataKey('a', { version: 7 }), failure('no-version'));
  const sealed = await openClient(t, { dev: false });
  await t.rejects(sealed.getDataKey('a'), failure('no-credentials'));
});

t.test('a batch keeps its order, and one bad request spoils no other', async (t) => {
  const client = await openClient(t);
  const results = await client.batchGet([{ id: 'b' }, { id: 'a', version: 9 }, { id: 'a', length: 8 }]);
  const lengths = results.map((one) => (one instanceof KeysteadError ? one.reason : [one.id, one.key.length]));
  t.same(lengths, [['b', 32], 'no-version', ['a', 8]]);
});

t.test('an id that cannot stand in a URL fails like any other', async (t) => {
  const client = await openClient(t);
  await t.rejects(client.getDataKey('..', { version: 9 }), failure('no-version'));
});

t.test('a batch that does not answer what was asked is refused', async (t) => {
  const { url } = await scriptedServer(
    t,
    json({ results: [] }),
    json({
      results: [{ dataKeyId: 'b', dataKey: 'AAAA', version: 1, check: 'AAAA', created: false, source: 'derived' }],
    }),
    json({ results: [{ problem: { code: 'not_found', reason: 'no-data-key', detail: 'gone' } }] }),
  );
  const client = new KeysteadClient({ server: url, retries: 0 });
  await t.rejects(client.batchGet([{ id: 'a' }]), failure('bad-answer', /0 results for 1 requests/));
  const [other] = await client.batchGet([{ id: 'a', length: 3 }]);
  t.match(other, failure('bad-answer', /of another id/));
  const [gone] = await client.batchGet([{ id: 'a' }]);
  t.match(gone, failure('no-data-key', /^gone$/));
});

t.test('status needs no credentials, and a sealed service is opened by bootstrap', async (t) => {
  const tokenFile = join(t.testdir({ token: `${'a-token-of-some-length'}\n` }), 'token');
  const config = { dev: false, admin: { tokenFile } };
  const client = await openClient(t, config, { tokenFile });
  const before = await client.status();
  t.same([before.state, before.kek], ['sealed', undefined]);
  t.match(before.doors[0], { name: 'kms', state: 'failing', operation: 'check', lastError: /no KEK yet/ });
  await t.rejects(client.getDataKey('a'), failure('sealed'));
  const secrets = { masterSecret: SecretBytes.copyOf(MASTER), salt: SecretBytes.copyOf(SALT) };
  const kek = await client.bootstrap(secrets);
  t.match(kek, { version: 1, fingerprint: /^[0-9a-f]{32}$/ });
  t.same(await client.bootstrap(secrets), kek, 'the same secrets again');
  await t.rejects(client.bootstrap({ generate: true }), failure('kek-exists'));
  t.notOk(secrets.masterSecret.disposed, 'the caller disposes its secrets');
  const { key } = await client.getDataKey('a');
  t.same(Buffer.from(key.expose()), Buffer.from(hkdfSync('sha256', MASTER, SALT, 'key-a', 32)));
  t.same((await client.status()).kek, kek);
});

t.test('a sealed service can make its own KEK', async (t) => {
  const token = 'a-token-of-some-length';
  const tokenFile = join(t.testdir({ token }), 'token');
  const client = await openClient(t, { dev: false, admin: { tokenFile } }, { token });
  const kek = await client.bootstrap({ generate: true });
  t.same((await client.status()).kek, kek);
});

t.test('describe and list give what is known of a key', async (t) => {
  const client = await openClient(t);
  t.same(await client.describe('a/b'), {
    id: 'a/b',
    state: 'active',
    version: 1,
    source: 'derived',
    kek: 'kms://cluster-kms',
    kekVersion: '1',
  });
  const all = [];
  for await (const info of client.list({ prefix: 'a +/é', pageSize: 5 })) all.push(info);
  t.same(all, []);
});

t.test('a list is fetched page by page', async (t) => {
  const info = (id: string) => ({ dataKeyId: id, version: 1, source: 'stored', length: 32, kek: 'k', kekVersion: '1' });
  const server = await scriptedServer(
    t,
    json({ dataKeys: [info('a'), info('b')], nextPageToken: 'x+/=&' }),
    json({ dataKeys: [], nextPageToken: 'y' }),
    json({ dataKeys: [info('c')] }),
  );
  const ids = [];
  for await (const { id } of new KeysteadClient({ server: server.url }).list({ prefix: 'a b', pageSize: 2 }))
    ids.push(id);
  t.same(ids, ['a', 'b', 'c']);
  t.same(
    server.requests.map(({ path }) => path),
    [
      '/v1/data-keys?prefix=a%20b&page_size=2',
      '/v1/data-keys?prefix=a%20b&page_size=2&page_token=x%2B%2F%3D%26',
      '/v1/data-keys?prefix=a%20b&page_size=2&page_token=y',
    ],
  );
});

t.test('buffers that held a secret are wiped', async (t) => {
  const chunk = Uint8Array.from(KEY);
  const sent: Uint8Array[] = [];
  const fetch: typeof globalThis.fetch = async (_input, init) => {
    sent.push(init?.body as Uint8Array);
    const text = '{"kek":{"version":1,"fingerprint":"f"}}';
    const isKey = sent.length === 1;
    const headers = await keyHeaders();
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(isKey ? chunk : Buffer.from(text));
        controller.close();
      },
    });
    return new Response(body, { headers: isKey ? headers : { 'content-type': 'application/json' } });
  };
  const client = new KeysteadClient({ server: 'http://127.0.0.1', fetch });
  const { key } = await client.getDataKey('a');
  t.same(key.expose(), KEY);
  t.same(chunk, new Uint8Array(32), 'what came over the wire');
  const secrets = { masterSecret: SecretBytes.copyOf(MASTER), salt: SecretBytes.copyOf(SALT) };
  await client.bootstrap(secrets);
  t.ok((sent[1]?.length ?? 0) > 64 && sent[1]?.every((byte) => byte === 0), 'what was sent');
});

t.test('a server that is no URL, or holds credentials, is refused without being shown', async (t) => {
  for (const server of [
    '',
    'keystead',
    'ftp://x',
    'http://',
    'http://user:hunter2@x',
    'http://x?hunter2',
    'http://x#hunter2',
  ]) {
    t.throws(() => new KeysteadClient({ server }), { reason: 'bad-usage', message: /^(?!.*hunter2)/ }, server);
  }
});

t.test('a server may have a path in front, and a slash at its end', async (t) => {
  const server = await scriptedServer(t, rawKey('a'));
  (await new KeysteadClient({ server: `${server.url}/keys/` }).getDataKey('a')).key.dispose();
  t.equal(server.requests[0]?.path, '/keys/v1/data-keys/a/get');
});

t.test('numbers that make no sense are refused', async (t) => {
  for (const over of [
    { timeoutMs: 0 },
    { timeoutMs: Number.NaN },
    { timeoutMs: 2 ** 31 },
    { retries: -1 },
    { retries: 0.5 },
  ]) {
    t.throws(() => new KeysteadClient({ server: 'http://x', ...over }), failure('bad-usage'));
  }
});

/** One block of HKDF-Expand, by another implementation. */
function hmacCheck(key: SecretBytes): Uint8Array {
  return createHmac('sha256', key.expose()).update('keystead/check/v1\x01').digest().subarray(0, 16);
}

async function keyHeaders(): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  const response = { setHeader: (name: string, value: string) => Object.assign(headers, { [name]: value }), end() {} };
  rawKey('a')(response as never, undefined as never);
  return headers;
}

const wrong = (value: unknown) => value as never;

t.test('a client that is opened wrongly says what is wrong', (t) => {
  const server = 'http://127.0.0.1:1';
  for (const [options, text] of [
    [undefined, /options must be an object/],
    [null, /options must be an object/],
    [server, /options must be an object/],
    [{ server, timeout: 5 }, /unknown member "timeout"; known are server, /],
    [{ server, timeoutMs: -1 }, /timeoutMs/],
    [{ server, retries: -1 }, /retries/],
    [{ server: 5 }, /server must be a string/],
    [{ server, token: 5 }, /token must be a string/],
    [{ server, caFile: null }, /caFile must be a string/],
    [{ server, fetch: 'fetch' }, /fetch must be a function/],
  ] as const) {
    t.throws(() => new KeysteadClient(wrong(options)), failure('bad-usage', text), JSON.stringify(options));
  }
  t.end();
});

t.test('a call that is made wrongly is refused with the one error, and the service is not asked', async (t) => {
  const server = await scriptedServer(t, rawKey('a'));
  const client = new KeysteadClient({ server: server.url });
  const masterSecret = SecretBytes.own(new Uint8Array(32));
  const calls: Record<string, () => Promise<unknown>> = {
    'no options': () => client.getDataKey('x', wrong(null)),
    'an unknown option': () => client.getDataKey('x', wrong({ lenght: 16 })),
    'a timeout': () => client.getDataKey('x', wrong({ timeoutMs: -1 })),
    'no expected value': () => client.getDataKey('x', { expect: wrong(null) }),
    'a text as expected': () => client.getDataKey('x', { expect: wrong('0123456789abcdef') }),
    'an unknown create': () => client.getDataKey('x', { create: wrong('sometimes') }),
    'a signal that is none': () => client.getDataKey('x', { signal: wrong({}) }),
    'no batch': () => client.batchGet(wrong(null)),
    'a batch of nothing': () => client.batchGet([wrong(null)]),
    'a signal within a batch': () => client.batchGet([wrong({ id: 'a', signal: null })]),
    'options of a batch': () => client.batchGet([{ id: 'a' }], wrong({ length: 5 })),
    'a list': () => client.list(wrong(null)).next(),
    'a page size': () => client.list({ pageSize: -1 }).next(),
    'a prefix': () => client.list({ prefix: wrong(5) }).next(),
    'an etag': () => client.delete('x', wrong(null)),
    'no etag': () => client.delete('x', wrong(undefined)),
    'a walk': () => client.rewrapAll(wrong(null)).next(),
    'a token of a walk': () => client.verifyStorage({ pageToken: wrong(5) }).next(),
    'a page of a walk': () => client.verifyStorage({ pageSize: 0.5 }).next(),
    'no secrets': () => client.bootstrap(wrong(null)),
    'half of the secrets': () => client.bootstrap(wrong({ masterSecret })),
    describe: () => client.describe('x', wrong(null)),
    rotate: () => client.rotate('x', wrong({ force: true })),
    rewrap: () => client.rewrap('x', wrong(5)),
    delete: () => client.delete('x', 'e', wrong(null)),
    restore: () => client.restore('x', wrong([])),
    status: () => client.status(wrong(null)),
    bootstrap: () => client.bootstrap({ generate: true }, wrong({ force: true })),
  };
  for (const [name, make] of Object.entries(calls)) await t.rejects(make(), failure('bad-request'), name);
  t.same(server.requests, []);
});

t.test('an option that is undefined is one that is absent', async (t) => {
  const client = await openClient(t);
  const { key } = await client.getDataKey('a', wrong({ length: undefined, signal: undefined, expect: undefined }));
  t.equal(key.length, 32);
});
