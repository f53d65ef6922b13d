import t from 'tap';
import type { DataKey } from '../../src/data-keys/data-keys.ts';
import { recordName } from '../../src/data-keys/record-name.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { openClusterKek } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { recordedSecrets } from '../support/recorded-secrets.ts';
import { testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';

const call = testCall();
const ask = { id: 'a', length: 32, create: 'if-missing' } as const;
const hex = ({ key }: DataKey) => Buffer.from(key.expose()).toString('hex');

t.test('a rotated key is a new one, and the old one still opens by its number', async (t) => {
  const { dataKeys } = await storedHouse(t);
  const first = await dataKeys.get({ ...ask, length: 48 }, call);
  const before = await dataKeys.describe('a', call);
  const rotated = await dataKeys.rotate('a', call);
  t.match(rotated, { id: 'a', version: 2, length: 48, state: 'active' });
  t.not(rotated.etag, before.etag);
  t.same(await dataKeys.describe('a', call), rotated);
  const second = await dataKeys.get({ ...ask, length: 48 }, call);
  t.equal(second.version, 2);
  t.not(hex(second), hex(first));
  t.equal(hex(await dataKeys.get({ ...ask, length: 48, version: 1 }, call)), hex(first));
});

t.test('rotations at once all take place, each with a number of its own', async (t) => {
  const { dataKeys } = await storedHouse(t);
  await dataKeys.get(ask, call);
  const infos = await Promise.all(Array.from({ length: 4 }, () => dataKeys.rotate('a', call)));
  t.same(infos.map(({ version }) => version).toSorted(), [2, 3, 4, 5]);
  const keys = new Set<string>();
  for (const version of [1, 2, 3, 4, 5]) keys.add(hex(await dataKeys.get({ ...ask, version }, call)));
  t.equal(keys.size, 5);
});

t.test('what is not there is not rotated, and made by nobody', async (t) => {
  const { dataKeys, store } = await storedHouse(t);
  await t.rejects(dataKeys.rotate('a', call), failure('no-data-key'));
  t.equal(await store.read(recordName('a'), call), undefined);
});

t.test('a rotation whose write was repeated underneath is one', async (t) => {
  const inner = memoryStore();
  await (await storedHouse(t, { store: inner })).dataKeys.get(ask, call);
  const store = faultyStore(inner, (operation) => (operation === 'replace' ? 'repeats' : undefined));
  const { dataKeys } = await storedHouse(t, { store });
  t.equal((await dataKeys.rotate('a', call)).version, 2);
});

t.test('nobody hears of a rotation that the store does not show', async (t) => {
  const inner = memoryStore();
  const { kek } = await storedHouse(t, { store: inner });
  await (await storedHouse(t, { store: inner, kek })).dataKeys.get(ask, call);
  const before = await inner.read(recordName('a'), call);
  const lagging = { ...inner, read: async () => before };
  const { dataKeys } = await storedHouse(t, { store: lagging, kek });
  await t.rejects(dataKeys.rotate('a', call), failure('store-lagging'));
});

t.test('who is always too late gives up, and may come again', async (t) => {
  const inner = memoryStore();
  const kek = await openClusterKek(t);
  const other = (await storedHouse(t, { store: inner, kek })).dataKeys;
  await other.get(ask, call);
  const store = {
    ...inner,
    replace: async (...[name, bytes, etag, call]: Parameters<typeof inner.replace>) => {
      await other.rotate('a', call);
      return inner.replace(name, bytes, etag, call);
    },
  };
  const { dataKeys } = await storedHouse(t, { store, kek });
  await t.rejects(dataKeys.rotate('a', call), failure('concurrent-write'));
});

t.test('every key that a rotation made is wiped, also when it fails', async (t) => {
  const inner = memoryStore();
  const kek = await openClusterKek(t);
  await (await storedHouse(t, { store: inner, kek })).dataKeys.get(ask, call);
  for (const fault of [undefined, 'fails', 'loses-answer'] as const) {
    await t.test(`replace: ${fault ?? 'works'}`, async (t) => {
      const store = faultyStore(inner, (operation) => (operation === 'replace' ? fault : undefined));
      const { dataKeys } = await storedHouse(t, { store: { ...store, close: async () => {} }, kek });
      const made = recordedSecrets(t);
      await dataKeys.rotate('a', call).catch(() => {});
      t.ok(made.length > 0);
      for (const secret of made) t.ok(secret.disposed);
    });
  }
});
