import t, { type Test } from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import type { Kek } from '../../src/core/kek.ts';
import { kekRing } from '../../src/core/kek-ring.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { readRecord } from '../../src/core/wrapped-record.ts';
import type { DataKey } from '../../src/data-keys/data-keys.ts';
import { storedDataKeyJobs } from '../../src/data-keys/jobs.ts';
import { recordName } from '../../src/data-keys/record-name.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { openClusterKek } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { testAmbient, testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';
import vectors from '../vectors/constellation-records.json' with { type: 'json' };

const call = testCall();
const { random } = testAmbient();
const base64 = ({ key }: DataKey) => Buffer.from(key.expose()).toString('base64');
const [sample] = vectors.samples;
if (sample === undefined) throw new Error('no samples');
const lengthOf = (dataKey: string) => Buffer.from(dataKey, 'base64').length;

/** The cloud's key that wrapped the samples: it unwraps what it is asked without a context, and nothing else. */
function cloudKek(provider: string): Kek {
  const refuse = async () => {
    throw new KeysteadError('context-mismatch', 'not wrapped here');
  };
  return {
    uri: `kms://${provider}?keyName=k`,
    wrap: refuse,
    async unwrap(wrapped, context) {
      const found = vectors.samples.find(
        ({ blob }) => JSON.parse(blob).key_info.wrapped_key === Buffer.from(wrapped.bytes).toString('base64'),
      );
      if (found === undefined || Object.keys(context).length > 0) return refuse();
      return SecretBytes.own(Uint8Array.from(Buffer.from(found.contentKey, 'base64')));
    },
    check: async () => {},
    close: async () => {},
  };
}

/** A bucket of Constellation's, and a service that reads it and whose own KEK is another. */
async function bucket(t: Test, over: { constellation?: boolean } = {}) {
  const store = memoryStore();
  for (const { id, blob } of vectors.samples) await store.create(id, Buffer.from(blob), call);
  const kek = kekRing(await openClusterKek(t), ['aws', 'gcp', 'azure'].map(cloudKek));
  const clock = new FakeClock();
  const { dataKeys } = await storedHouse(t, { store, kek, clock, constellation: true, ...over });
  return { store, kek, clock, dataKeys, jobs: storedDataKeyJobs({ store, kek, clock, random, constellation: true }) };
}

t.test('every key of a bucket that Constellation wrote is had under its id, and nothing is written', async (t) => {
  const { dataKeys, store } = await bucket(t);
  for (const { id, provider, dataKey } of vectors.samples) {
    const length = lengthOf(dataKey);
    const got = await dataKeys.get({ id, length, create: 'if-missing' }, call);
    t.match(got, { id, version: 1, created: false, source: 'stored' });
    t.equal(base64(got), dataKey);
    t.match(await dataKeys.describe(id, call), { id, version: 1, length, kek: `kms://${provider}`, state: 'active' });
    await t.rejects(dataKeys.get({ id, length: length + 1, create: 'never' }, call), failure('length-mismatch'));
    await t.rejects(dataKeys.get({ id, length, create: 'must' }, call), failure('data-key-exists'));
    t.equal(await store.read(recordName(id), call), undefined);
  }
});

t.test('a record that is there is never passed over, also when it cannot be read', async (t) => {
  const { dataKeys, store } = await bucket(t);
  const { id, dataKey } = sample;
  const found = await store.read(id, call);
  await store.replace(id, Buffer.from('{}'), found?.etag ?? '', call);
  const ask = { id, length: lengthOf(dataKey), create: 'if-missing' } as const;
  await t.rejects(dataKeys.get(ask, call), failure('record-corrupt', /none that Constellation wrote/));
  const failing = faultyStore(store, (_operation, n) => (n === 2 ? 'fails' : undefined));
  const { dataKeys: other } = await storedHouse(t, { store: failing, constellation: true });
  await t.rejects(other.get(ask, call), failure('store-unreachable'));
  t.equal(await store.read(recordName(id), call), undefined);
});

t.test('an id that Constellation has not gets a key of ours, and our own records are none of its', async (t) => {
  const { dataKeys, store } = await bucket(t);
  await store.create('keystead-kek.json', Buffer.from('{}'), call);
  await dataKeys.get({ id: 'x', length: 32, create: 'must' }, call);
  for (const id of ['new', 'keystead-kek.json', recordName('x'), 'n'.repeat(1025)]) {
    t.match(await dataKeys.get({ id, length: 32, create: 'if-missing' }, call), { created: true }, id.slice(0, 20));
  }
});

t.test('unless it is asked for, nothing of Constellation is looked at', async (t) => {
  const { dataKeys } = await bucket(t, { constellation: false });
  await t.rejects(dataKeys.get({ id: sample.id, length: 32, create: 'never' }, call), failure('no-data-key'));
});

t.test('rewrapping writes it as ours, and the old one stays where it is', async (t) => {
  const { dataKeys, store, clock } = await bucket(t);
  const own = await openClusterKek(t);
  for (const { id, dataKey, blob } of vectors.samples) {
    t.match(await dataKeys.rewrap(id, call), { id, version: 1, rewrapped: 1, kek: own.uri, createdAt: clock.now() });
    t.equal(Buffer.from((await store.read(id, call))?.bytes ?? []).toString(), blob);
    const { dataKeys: alone } = await storedHouse(t, { store, kek: own });
    t.equal(base64(await alone.get({ id, length: lengthOf(dataKey), create: 'never' }, call)), dataKey);
    t.match(await dataKeys.rewrap(id, call), { rewrapped: 0 });
  }
});

t.test('two who rewrap at once, or rewrap and rotate, leave one record with that key', async (t) => {
  const { dataKeys } = await bucket(t);
  const { id, dataKey } = sample;
  await Promise.all([dataKeys.rewrap(id, call), dataKeys.rotate(id, call), dataKeys.rewrap(id, call)]);
  t.match(await dataKeys.describe(id, call), { version: 2 });
  const ask = { id, length: lengthOf(dataKey), create: 'never' } as const;
  t.equal(base64(await dataKeys.get({ ...ask, version: 1 }, call)), dataKey);
  t.not(base64(await dataKeys.get(ask, call)), dataKey);
});

t.test('a key that is deleted and purged does not come back out of the old record', async (t) => {
  const { dataKeys, store, clock, jobs } = await bucket(t);
  const { id, dataKey } = sample;
  const { etag } = await dataKeys.describe(id, call);
  const { purgeAt } = await dataKeys.delete(id, etag ?? '', call);
  await dataKeys.restore(id, call);
  t.equal(base64(await dataKeys.get({ id, length: 32, create: 'never' }, call)), dataKey);
  await dataKeys.delete(id, (await dataKeys.describe(id, call)).etag, call);
  await clock.advance(purgeAt.getTime() - clock.now().getTime() + 3_600_000);
  t.match(await jobs.purgeAll({}, call), { changed: 1, failed: 0 });
  t.equal(await store.read(id, call), undefined);
  t.match(readRecord((await store.read(recordName(id), call))?.bytes ?? new Uint8Array(), id), { lastVersion: 1 });
  t.match(await dataKeys.get({ id, length: 32, create: 'must' }, call), { version: 2 });
});

t.test('lists and walks see them once, behind our own', async (t) => {
  const { dataKeys, jobs } = await bucket(t);
  await dataKeys.get({ id: 'zz', length: 32, create: 'must' }, call);
  await dataKeys.rewrap(sample.id, call);
  const ids = [...vectors.samples.map(({ id }) => id), 'zz'];
  for (const [prefix, limit] of [
    ['', 2],
    ['', 100],
    ['pvc-', 1],
  ] as const) {
    const found: string[] = [];
    let from: string | undefined;
    do {
      const page = await dataKeys.list(prefix, from, limit, call);
      found.push(...page.items.map(({ id }) => id));
      from = page.next;
    } while (from !== undefined);
    t.same(found.toSorted(), ids.filter((id) => id.startsWith(prefix)).toSorted());
  }
  t.match(await jobs.verifyAll({}, call), { done: ids.length, failed: 0 });
  t.match(await jobs.rewrapAll({}, call), { done: ids.length, changed: ids.length - 2, failed: 0 });
  t.match((await jobs.census({}, call)).keks, [{ kek: 'kms://cluster-kms', records: ids.length }]);
});
