import t from 'tap';
import { memoryStore } from '../../../src/providers/memory/store.ts';
import { storeSuite } from '../../conformance/store.ts';
import { failure } from '../../support/failure.ts';
import { testCall } from '../../support/services.ts';

const call = testCall();

storeSuite(t, async (t) => {
  const store = memoryStore();
  t.teardown(() => store.close());
  return store;
});

t.test('a store that is full takes no more, keeps what it has, and takes again when there is room', async (t) => {
  const store = memoryStore({ maxBytes: 100 });
  t.equal(await store.create('a', new Uint8Array(60), call), true);
  await t.rejects(store.create('b', new Uint8Array(60), call), failure('store-full'));
  t.equal(await store.read('b', call), undefined);
  const a = await store.read('a', call);
  await t.rejects(store.replace('a', new Uint8Array(100), a?.etag ?? '', call), failure('store-full'));
  t.same(await store.read('a', call), a);
  await store.replace('a', new Uint8Array(99), a?.etag ?? '', call);
  await store.delete('a', (await store.read('a', call))?.etag ?? '', call);
  t.equal(await store.create('b', new Uint8Array(99), call), true);
});

t.test('names are ordered by their bytes of UTF-8, not by their UTF-16 units', async (t) => {
  const store = memoryStore();
  for (const name of ['\u{1f600}', '\uffee', 'z']) await store.create(name, new Uint8Array(1), call);
  t.same((await store.list('', undefined, 10, call)).items, ['z', '\uffee', '\u{1f600}']);
});

t.test('a closed store has forgotten everything', async (t) => {
  const store = memoryStore({ maxBytes: 10 });
  await store.create('a', new Uint8Array(9), call);
  t.same(await store.list('', undefined, 10, call), { items: ['a'] });
  await store.close();
  t.equal(await store.read('a', call), undefined);
  t.same(await store.list('', undefined, 10, call), { items: [] });
  t.equal(await store.create('b', new Uint8Array(9), call), true);
});
