import t from 'tap';
import type { DataKeyInfo } from '../../../../src/data-keys/data-keys.ts';
import { isProblem, openApp } from '../support.ts';

const stored = (id: string): DataKeyInfo => ({
  id,
  version: 3,
  source: 'stored',
  state: 'pending-deletion',
  purgeAt: new Date('2026-02-02T03:04:05.678Z'),
  length: 64,
  kek: 'kms://cluster-kms',
  kekVersion: '1',
  createdAt: new Date('2026-01-02T03:04:05.678Z'),
  etag: '7',
});

t.test('a derived data key is described without opening it', async (t) => {
  const { app } = await openApp(t);
  const answer = await app.inject('/v1/data-keys/a%2Fb');
  t.equal(answer.statusCode, 200);
  t.strictSame(answer.json(), {
    dataKeyId: 'a/b',
    version: 1,
    source: 'derived',
    state: 'active',
    kek: 'kms://cluster-kms',
    kekVersion: '1',
  });
  t.equal(answer.headers['etag'], undefined);
  isProblem(t, await app.inject('/v1/data-keys/%ff'), 400, 'bad-id');
});

t.test('a stored data key has its length, age and etag', async (t) => {
  const { app } = await openApp(t, { services: { dataKeys: { describe: async (id: string) => stored(id) } as never } });
  const answer = await app.inject('/v1/data-keys/volume-1');
  t.equal(answer.headers['etag'], '"7"');
  t.match(answer.json(), { dataKeyId: 'volume-1', length: 64, createdAt: '2026-01-02T03:04:05.678Z', etag: '7' });
});

t.test('derived data keys are not listed', async (t) => {
  const { app } = await openApp(t);
  t.strictSame((await app.inject('/v1/data-keys?prefix=volume&page_size=1')).json(), { dataKeys: [] });
});

t.test('a list goes on where the page before has ended', async (t) => {
  const asked: unknown[] = [];
  const list = async (prefix: string, from: (() => Promise<string>) | undefined, limit: number) => {
    asked.push([prefix, await from?.(), limit]);
    return from === undefined ? { items: [stored('é')], next: 'é\0/' } : { items: [] };
  };
  const { app } = await openApp(t, { services: { dataKeys: { list } as never } });
  const first = (await app.inject('/v1/data-keys?prefix=%C3%A9+%2B')).json();
  t.match(first, { dataKeys: [{ dataKeyId: 'é' }], nextPageToken: /^[A-Za-z0-9_-]+$/ });
  const token = `page_token=${first.nextPageToken}`;
  const second = (await app.inject(`/v1/data-keys?page_size=1000&prefix=%C3%A9+%2B&${token}`)).json();
  t.strictSame(second, { dataKeys: [] });
  isProblem(t, await app.inject(`/v1/data-keys?${token}`), 404, 'no-page');
  isProblem(t, await app.inject(`/v1/data-keys?prefix=%C3%A9&${token}`), 404, 'no-page');
  t.strictSame(asked, [
    ['é +', undefined, 100],
    ['é +', 'é\0/', 1000],
  ]);
});

t.test('stored data keys are listed page by page, whatever the size of each', async (t) => {
  const { app } = await openApp(t, { config: { kms: 'kms://cluster-kms?mode=wrap' } });
  for (const id of ['b', 'a%2F1', 'a%2F2', 'a%2F3', 'a']) {
    await app.inject({ method: 'POST', url: `/v1/data-keys/${id}/get` });
  }
  const listed: string[] = [];
  let query = 'prefix=a&page_size=1';
  for (let size = 2; query !== ''; size++) {
    const { dataKeys, nextPageToken } = (await app.inject(`/v1/data-keys?${query}`)).json();
    listed.push(...dataKeys.map(({ dataKeyId }: { dataKeyId: string }) => dataKeyId));
    query = nextPageToken === undefined ? '' : `prefix=a&page_size=${size}&page_token=${nextPageToken}`;
  }
  t.same(listed.toSorted(), ['a', 'a/1', 'a/2', 'a/3']);
});

t.test('there is no page behind a token that was made up', async (t) => {
  const { app } = await openApp(t);
  for (const token of ['a', 'QUJD', 'A'.repeat(8192)]) {
    isProblem(t, await app.inject(`/v1/data-keys?page_token=${token}`), 404, 'no-page');
  }
});

t.test('a page that cannot be is refused', async (t) => {
  const { app } = await openApp(t);
  const queries = [
    'page_size=0',
    'page_size=1001',
    'page_size=ten',
    'page_size=',
    'page_token=',
    'page_token=%2B%2B',
    `page_token=${'A'.repeat(9000)}`,
    'prefix=%ff',
    'other=1',
    'prefix=a&prefix=a',
  ];
  for (const query of queries) isProblem(t, await app.inject(`/v1/data-keys?${query}`), 400, 'bad-request');
  isProblem(t, await app.inject(`/v1/data-keys?prefix=${'x'.repeat(4097)}`), 400, 'bad-id');
});
