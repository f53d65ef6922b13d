import t from 'tap';
import { KeysteadClient } from '../../src/client/http-client.ts';
import type { JobPage } from '../../src/client/job.ts';
import { buildApp } from '../../src/server/http/app.ts';
import { failure } from '../support/failure.ts';
import { testConfig, testServices } from '../support/services.ts';
import { json, problem, type Step, scriptedServer, testAmbient, UNAVAILABLE } from './scripted-server.ts';

type Test = { teardown(fn: () => unknown): void };

/** A client of a real service that stores its data keys. */
async function openClient(t: Test): Promise<KeysteadClient> {
  const config = { kms: 'kms://cluster-kms?mode=wrap' };
  const app = await buildApp({ services: await testServices(t, config), config: testConfig(config), log: false });
  t.teardown(() => app.close());
  return new KeysteadClient({ server: await app.listen({ host: '127.0.0.1', port: 0 }), retries: 0 });
}

/** A client that tries three times, of a server that answers as the test says. */
async function scriptedClient(t: Test, ...steps: Step[]) {
  const server = await scriptedServer(t, ...steps);
  return { ...server, client: new KeysteadClient({ server: server.url, retries: 2, ambient: testAmbient() }) };
}

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const page of pages) found.push(page);
  return found;
}

const INFO = { dataKeyId: 'a', version: 2, source: 'stored', kek: 'kms://x', kekVersion: '1', etag: '8' };
const DELETED = { dataKeyId: 'a', state: 'pending-deletion', purgeAt: '2030-01-01T00:00:00.000Z', etag: '9' };

t.test('rotate, rewrap, delete and restore do what they say', async (t) => {
  const client = await openClient(t);
  const first = await client.getDataKey('a/b', { create: 'must' });
  const rotated = await client.rotate('a/b');
  t.match(rotated, { id: 'a/b', version: 2, state: 'active', length: 32, etag: /./ });
  t.same(await client.describe('a/b'), rotated);
  const old = await client.getDataKey('a/b', { version: 1, expect: first.check });
  t.ok(old.key.equals(first.key));
  t.same(await client.rewrap('a/b'), { ...rotated, rewrapped: 0 });

  await t.rejects(client.delete('a/b', 'another'), failure('stale-etag'));
  const deleted = await client.delete('a/b', rotated.etag ?? '');
  t.match(deleted, { id: 'a/b', state: 'pending-deletion', purgeAt: /Z$/ });
  await t.rejects(client.getDataKey('a/b'), failure('pending-deletion'));
  t.match(await client.describe('a/b'), { state: 'pending-deletion', purgeAt: deleted.purgeAt, etag: deleted.etag });
  t.match(await client.restore('a/b'), { id: 'a/b', state: 'active', version: 2 });
  t.ok((await client.getDataKey('a/b', { version: 1 })).key.equals(first.key));
});

t.test('walks over all data keys come page by page, and go on from any of them', async (t) => {
  const client = await openClient(t);
  for (const id of ['a', 'b', 'c']) await client.getDataKey(id);
  for (const walk of [client.rewrapAll.bind(client), client.verifyStorage.bind(client)]) {
    t.same(await all(walk()), [{ done: 3, changed: 0, failed: [] }]);
    const pages = await all(walk({ pageSize: 2 }));
    t.same(
      pages.map(({ done }) => done),
      [2, 1],
    );
    const { nextPageToken = '' } = pages[0] as JobPage;
    t.same(await all(walk({ pageToken: nextPageToken })), [{ done: 1, changed: 0, failed: [] }]);
    await t.rejects(all(walk({ pageToken: 'QUJD' })), failure('no-page'));
  }
});

t.test('what cannot be asked for is refused before anybody is asked', async (t) => {
  const { client, requests } = await scriptedClient(t, json(INFO));
  for (const id of ['', '.', '..', '\ud800']) {
    await t.rejects(client.rotate(id), failure('bad-id'));
    await t.rejects(client.rewrap(id), failure('bad-id'));
    await t.rejects(client.delete(id, '1'), failure('bad-id'));
    await t.rejects(client.restore(id), failure('bad-id'));
  }
  for (const etag of ['"1"', 'a b', 'a\r\nX: y', 'ü'])
    await t.rejects(client.delete('a', etag), failure('bad-request'));
  t.same(requests, []);
});

t.test('what must not happen twice is not tried again, and everything else is', async (t) => {
  for (const [name, answer, tries] of [
    ['rotate', INFO, 1],
    ['delete', DELETED, 1],
    ['rewrap', { ...INFO, rewrapped: 1 }, 3],
    ['restore', INFO, 3],
  ] as const) {
    const { client, requests } = await scriptedClient(t, UNAVAILABLE, UNAVAILABLE, json(answer, 200));
    const call: Promise<unknown> = name === 'delete' ? client.delete('a', '7') : client[name]('a');
    if (tries === 1) await t.rejects(call, failure('kms-unreachable'));
    else t.match(await call, { id: 'a', etag: '8' });
    t.equal(requests.length, tries, name);
  }
  const busy = problem(429, { code: 'resource_exhausted', reason: 'too-many-requests' });
  const { client, requests } = await scriptedClient(t, busy, json(INFO));
  t.match(await client.rotate('a'), { version: 2 });
  t.equal(requests.length, 2, 'but for what was refused before it began');
});

t.test('each call is on the wire as the API has it', async (t) => {
  const { client, requests } = await scriptedClient(t, json(INFO), json(DELETED, 202));
  await client.rotate('a/ü');
  await client.delete('a', '%22x%22');
  t.match(requests, [
    { method: 'POST', path: '/v1/data-keys/a%2F%C3%BC/rotate', text: '' },
    { method: 'DELETE', path: '/v1/data-keys/a', headers: { 'if-match': '"%22x%22"' }, text: '' },
  ]);
  t.notOk('content-type' in (requests[0]?.headers ?? {}), 'there is no body');
});

t.test('pages tell what failed; a page that leads to itself ends the walk', async (t) => {
  const failed = [
    { record: 'data-keys/a.json', reason: 'record-corrupt', detail: 'it is damaged', retryable: true },
    { record: 'data-keys/b.json', dataKeyId: 'b', reason: 'a-newer-reason', detail: 'who knows' },
  ];
  const { client } = await scriptedClient(t, json({ done: 2, changed: 0, failed, nextPageToken: 'Mg' }));
  const pages = client.verifyStorage();
  t.same((await pages.next()).value, {
    done: 2,
    changed: 0,
    failed: [
      { record: 'data-keys/a.json', reason: 'record-corrupt', detail: 'it is damaged', retryable: true },
      { record: 'data-keys/b.json', id: 'b', reason: 'a-newer-reason', detail: 'who knows', retryable: false },
    ],
    nextPageToken: 'Mg',
  });
  await t.rejects(pages.next(), failure('bad-answer', /repeats a page/));
});

t.test('a list gives all that can be read, and fails behind it where something cannot', async (t) => {
  const failed = [
    { record: 'data-keys/b.json', reason: 'record-corrupt', detail: 'b is damaged', retryable: false },
    { record: 'data-keys/c.json', reason: 'context-mismatch', detail: 'c is of another', retryable: false },
  ];
  const first = json({ dataKeys: [], failed, nextPageToken: 'Mg' });
  const { client } = await scriptedClient(t, first, json({ dataKeys: [{ ...INFO, state: 'active' }] }));
  const found = client.list();
  t.match((await found.next()).value, { id: 'a' });
  await t.rejects(found.next(), failure('record-corrupt', /not all is listed: b is damaged, and 1 more/));
});

t.test('an answer that is none is refused', async (t) => {
  for (const answer of [
    {},
    { done: 1, changed: 0 },
    { done: -1, changed: 0, failed: [] },
    { done: 1, changed: 0, failed: [1] },
    { done: 1, changed: 0, failed: [{ record: 'a', reason: 'b', detail: 'c', retryable: 'yes' }] },
  ]) {
    const { client } = await scriptedClient(t, json(answer));
    await t.rejects(client.rewrapAll().next(), failure('bad-answer'));
    await t.rejects(client.rotate('a'), failure('bad-answer'));
    await t.rejects(client.rewrap('a'), failure('bad-answer'));
    await t.rejects(client.delete('a', '1'), failure('bad-answer'));
  }
});
