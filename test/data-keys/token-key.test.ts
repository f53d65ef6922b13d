import t from 'tap';
import type { Reason } from '../../src/core/errors.ts';
import type { Kek } from '../../src/core/kek.ts';
import type { TokenKey } from '../../src/core/page-token.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { readRecord } from '../../src/core/wrapped-record.ts';
import { recordName } from '../../src/data-keys/record-name.ts';
import { openTokenKey, TOKEN_KEY_RECORD_NAME } from '../../src/data-keys/token-key.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { openClusterKek } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { FakeKek } from '../support/fake-kek.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { testAmbient, testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';

type Test = { teardown(fn: () => unknown): void };

const call = testCall();
const MESSAGE = Buffer.from('a message');
const mac = async (key: TokenKey) => Buffer.from(await key.mac(MESSAGE, call)).toString('hex');

/** The token key as one process of the service has it. */
function process(t: Test, kek: Kek, store: WrappedKeyStore | undefined): TokenKey {
  const key = openTokenKey({ ...testAmbient(), kek, store });
  t.teardown(() => key.close());
  return key;
}

t.test('every process of the service has the same key, also after a restart', async (t) => {
  const [kek, store] = [await openClusterKek(t), memoryStore()];
  const keys = Array.from({ length: 8 }, () => process(t, kek, store));
  const macs = await Promise.all(keys.map(mac));
  t.equal(new Set(macs).size, 1);
  t.equal(await mac(process(t, await openClusterKek(t), store)), macs[0]);
  t.not(await mac(process(t, kek, memoryStore())), macs[0], 'another service has another one');
});

t.test('the store holds the key wrapped, and is asked once', async (t) => {
  const kek = await openClusterKek(t);
  const store = faultyStore(memoryStore(), () => undefined);
  const key = process(t, kek, store);
  t.same(store.calls, [], 'not before a token is needed');
  await mac(key);
  t.same(store.calls, ['read', 'create', 'read']);
  await mac(key);
  t.equal(store.calls.length, 3);
  const { bytes } = (await store.read(TOKEN_KEY_RECORD_NAME, call)) ?? { bytes: new Uint8Array() };
  t.match(readRecord(bytes, ''), { versions: [{ wrapped: { kek: 'kms://cluster-kms' }, length: 32 }] });
});

t.test('the key is no data key: it is not listed, and does not open under the name of one', async (t) => {
  const { dataKeys, kek, store } = await storedHouse(t);
  await mac(process(t, kek, store));
  t.same((await dataKeys.list('', undefined, 10, call)).items, []);
  const { bytes } = (await store.read(TOKEN_KEY_RECORD_NAME, call)) ?? { bytes: new Uint8Array() };
  const { id } = readRecord(bytes, '') as { id: string };
  await store.create(recordName(id), bytes, call);
  await t.rejects(dataKeys.get({ id, length: 32, create: 'never' }, call), failure('context-mismatch'));
});

t.test('a key that nobody can open any more is replaced, by one of those who try', async (t) => {
  const kek = await openClusterKek(t);
  const damaged = memoryStore();
  await damaged.create(TOKEN_KEY_RECORD_NAME, Buffer.from('{'), call);
  const ofAnother = memoryStore();
  const before = await mac(process(t, await openClusterKek(t, 'another'), ofAnother));
  for (const store of [damaged, ofAnother]) {
    const macs = await Promise.all([1, 2, 3].map(() => mac(process(t, kek, store))));
    t.equal(new Set(macs).size, 1);
    t.not(macs[0], before);
    t.equal(await mac(process(t, kek, store)), macs[0]);
  }
});

t.test('a KEK that only fails now costs nobody the key', async (t) => {
  const [kek, store] = [new FakeKek(), memoryStore()];
  const first = await mac(process(t, kek, store));
  const key = process(t, kek, store);
  for (const reason of ['kms-unreachable', 'provider-denied', 'key-stopped', 'sealed'] satisfies Reason[]) {
    kek.fails = { unwrap: reason };
    await t.rejects(mac(key), failure(reason));
  }
  kek.fails = {};
  t.equal(await mac(key), first);
});

t.test('an answer of the store that is lost, or late, leaves one key', async (t) => {
  const [kek, inner] = [new FakeKek(), memoryStore()];
  const losing = faultyStore(inner, (operation) => (operation === 'create' ? 'loses-answer' : undefined));
  await t.rejects(mac(process(t, kek, losing)), failure('store-unreachable'));
  const lagging = faultyStore(inner, (operation) => (operation === 'read' ? 'forgets' : undefined));
  await t.rejects(mac(process(t, kek, lagging)), failure('store-lagging'));
  const first = await mac(process(t, kek, inner));
  t.equal(await mac(process(t, kek, inner)), first);
});

t.test('the deadline of the call holds', async (t) => {
  const store = faultyStore(memoryStore(), () => 'hangs');
  const key = process(t, new FakeKek(), store);
  const controller = new AbortController();
  const waiting = key.mac(MESSAGE, testCall({ signal: controller.signal }));
  controller.abort();
  await t.rejects(waiting, failure('client-gone'));
});

t.test('where nothing is stored, the key is one of this process', async (t) => {
  const kek = await openClusterKek(t);
  const key = process(t, kek, undefined);
  t.equal(await mac(key), await mac(key));
  t.not(await mac(key), await mac(process(t, kek, undefined)));
});
