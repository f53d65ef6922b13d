import t, { type Test } from 'tap';
import { kekRing } from '../../src/core/kek-ring.ts';
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
const ask = (version?: number) =>
  ({ id: 'a', length: 32, create: 'if-missing', ...(version === undefined ? {} : { version }) }) as const;
const hex = ({ key }: DataKey) => Buffer.from(key.expose()).toString('hex');

/** A key of two versions under KEK a, and a service whose KEK is b, and a former one is a. */
async function moving(t: Test) {
  const store = memoryStore();
  const [a, b] = [await openClusterKek(t, 'a'), await openClusterKek(t, 'b')];
  const { dataKeys: before } = await storedHouse(t, { store, kek: a });
  const keys = [hex(await before.get(ask(), call))];
  await before.rotate('a', call);
  keys.push(hex(await before.get(ask(), call)));
  const { dataKeys } = await storedHouse(t, { store, kek: kekRing(b, [a]) });
  const { dataKeys: after } = await storedHouse(t, { store, kek: b });
  return { store, keys, before, dataKeys, after, b };
}

t.test('every version moves to the current KEK, and stays the key that it was', async (t) => {
  const { keys, dataKeys, before, after, b } = await moving(t);
  const old = await dataKeys.describe('a', call);
  const moved = await dataKeys.rewrap('a', call);
  t.match(moved, { id: 'a', version: 2, rewrapped: 2, kek: b.uri, kekVersion: `1-${b.info()?.fingerprint}` });
  t.same(moved.createdAt, old.createdAt);
  t.not(moved.etag, old.etag);
  for (const [n, key] of keys.entries()) t.equal(hex(await after.get(ask(n + 1), call)), key);
  await t.rejects(before.get(ask(), call), failure('fingerprint-mismatch'), 'the former KEK alone opens nothing');
});

t.test('what is under the newest version is left alone', async (t) => {
  const { dataKeys, store } = await moving(t);
  await dataKeys.rewrap('a', call);
  await dataKeys.rotate('a', call);
  const record = await store.read(recordName('a'), call);
  t.match(await dataKeys.rewrap('a', call), { version: 3, rewrapped: 0, etag: record?.etag });
  t.same(await store.read(recordName('a'), call), record);
});

t.test('only the versions that are not under it are wrapped again', async (t) => {
  const { dataKeys, keys } = await moving(t);
  await dataKeys.rotate('a', call);
  t.match(await dataKeys.rewrap('a', call), { version: 3, rewrapped: 2 });
  for (const [n, key] of keys.entries()) t.equal(hex(await dataKeys.get(ask(n + 1), call)), key);
});

t.test('a KEK that is in no ring leaves the record as it is', async (t) => {
  const { after, store } = await moving(t);
  const record = await store.read(recordName('a'), call);
  await t.rejects(after.rewrap('a', call), failure('fingerprint-mismatch'));
  t.same(await store.read(recordName('a'), call), record);
});

t.test('what is not there is not wrapped', async (t) => {
  const { dataKeys } = await storedHouse(t);
  await t.rejects(dataKeys.rewrap('a', call), failure('no-data-key'));
});

t.test('a store that shows another key than it was given is found out', async (t) => {
  const { store, keys } = await moving(t);
  const [a, b] = [await openClusterKek(t, 'a'), await openClusterKek(t, 'b')];
  const forged = memoryStore();
  const other = (await storedHouse(t, { store: forged, kek: b })).dataKeys;
  await other.get(ask(), call);
  await other.rotate('a', call);
  const lying = {
    ...store,
    // From the write on, the record of another service with the same KEK.
    replace: async () => void Object.assign(lying, { read: () => forged.read(recordName('a'), call) }),
  };
  const { dataKeys } = await storedHouse(t, { store: lying, kek: kekRing(b, [a]) });
  await t.rejects(dataKeys.rewrap('a', call), failure('store-lagging'), 'not what was written');
  t.equal(hex(await (await storedHouse(t, { store, kek: a })).dataKeys.get(ask(), call)), keys[1]);
});

t.test('every key on the way is wiped, also when it fails', async (t) => {
  for (const fault of [undefined, 'fails'] as const) {
    await t.test(`replace: ${fault ?? 'works'}`, async (t) => {
      const { store } = await moving(t);
      const faulty = faultyStore(store, (operation) => (operation === 'replace' ? fault : undefined));
      const kek = kekRing(await openClusterKek(t, 'b'), [await openClusterKek(t, 'a')]);
      const { dataKeys } = await storedHouse(t, { store: faulty, kek });
      const made = recordedSecrets(t);
      await dataKeys.rewrap('a', call).catch(() => {});
      t.ok(made.length > 4);
      for (const secret of made) t.ok(secret.disposed);
    });
  }
});
