import t, { type Test } from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import type { Kek } from '../../src/core/kek.ts';
import { kekRing } from '../../src/core/kek-ring.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import type { DataKey, JobProgress } from '../../src/data-keys/data-keys.ts';
import { storedDataKeyJobs } from '../../src/data-keys/jobs.ts';
import { recordName } from '../../src/data-keys/record-name.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { openClusterKek } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { testAmbient, testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';

const call = testCall();
const { random, clock } = testAmbient();
const ask = (id: string) => ({ id, length: 32, create: 'if-missing' }) as const;
const hex = ({ key }: DataKey) => Buffer.from(key.expose()).toString('hex');

/** So many keys under KEK a, and the walks of a service that moves from a to b. */
async function filled(t: Test, count: number) {
  const store = memoryStore();
  const [a, b] = [await openClusterKek(t, 'a'), await openClusterKek(t, 'b')];
  const { dataKeys } = await storedHouse(t, { store, kek: a });
  const keys = new Map<string, string>();
  for (let n = 0; n < count; n++) keys.set(`key ${n}`, hex(await dataKeys.get(ask(`key ${n}`), call)));
  const kek = kekRing(b, [a]);
  const walks = (over: { store?: WrappedKeyStore; kek?: Kek } = {}) =>
    storedDataKeyJobs({ store, kek, random, clock, ...over });
  return { store, a, b, keys, dataKeys, jobs: walks(), walks };
}

async function damage(store: WrappedKeyStore, id: string, text: string): Promise<void> {
  const found = await store.read(recordName(id), call);
  await store.replace(recordName(id), Buffer.from(text), found?.etag ?? '', call);
}

t.test('all keys move to the current KEK, and each stays the key that it was', async (t) => {
  const { jobs, keys, store, b, dataKeys } = await filled(t, 450);
  const { etag } = await dataKeys.describe('key 7', call);
  await dataKeys.delete('key 7', etag, call);
  t.same(await jobs.rewrapAll({}, call), { done: 450, changed: 450, failed: 0, failures: [] });
  t.same(await jobs.rewrapAll({}, call), { done: 450, changed: 0, failed: 0, failures: [] }, 'and only once');
  const { dataKeys: after } = await storedHouse(t, { store, kek: b });
  await after.restore('key 7', call);
  for (const [id, key] of keys) if (hex(await after.get(ask(id), call)) !== key) t.fail(`${id} changed`);
});

t.test('a walk that was cut short goes on where it stopped', async (t) => {
  const { jobs, keys, store, b } = await filled(t, 450);
  const controller = new AbortController();
  let last: JobProgress | undefined;
  const onProgress = (progress: JobProgress) => {
    last = progress;
    controller.abort();
  };
  const cut = jobs.rewrapAll({ onProgress }, testCall({ signal: controller.signal }));
  await t.rejects(cut, failure('client-gone'));
  t.match(last, { done: 200, changed: 200, failed: 0, next: /./ });
  const rest = await jobs.rewrapAll(last?.next === undefined ? {} : { from: last.next }, call);
  t.match(rest, { done: 250, changed: 250 });
  const { dataKeys: after } = await storedHouse(t, { store, kek: b });
  for (const [id, key] of keys) if (hex(await after.get(ask(id), call)) !== key) t.fail(`${id} changed`);
});

t.test('a walk looks at no more records than it is told to, and says where to go on', async (t) => {
  const { jobs } = await filled(t, 5);
  const first = await jobs.verifyAll({ limit: 3 }, call);
  t.match(first, { done: 3, next: /./ });
  t.same(await jobs.verifyAll({ limit: 3, from: first.next ?? '' }, call), {
    done: 2,
    changed: 0,
    failed: 0,
    failures: [],
  });
});

t.test('what does not open is named, and ends nothing', async (t) => {
  const { jobs, store, keys } = await filled(t, 6);
  const text = async (id: string) => Buffer.from((await store.read(recordName(id), call))?.bytes ?? []).toString();
  await damage(store, 'key 1', 'not a record');
  await damage(store, 'key 2', await text('key 3'));
  await damage(store, 'key 4', (await text('key 4')).replace('"length":32', '"length":31'));
  const before = await text('key 0');
  for (const job of ['verifyAll', 'rewrapAll'] as const) {
    const report = await jobs[job]({}, call);
    t.match(report, { done: 6, failed: 3 });
    t.match(
      report.failures.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
      [
        { name: recordName('key 1'), reason: 'record-corrupt' },
        { name: recordName('key 2'), id: 'key 3', reason: 'context-mismatch' },
        { name: recordName('key 4'), id: 'key 4' },
      ],
    );
    if (job === 'verifyAll') t.equal(await text('key 0'), before, 'verifying writes nothing');
  }
  t.equal(keys.size, 6);
});

t.test('every version is opened, and the one that does not open is named', async (t) => {
  const { jobs, store, dataKeys } = await filled(t, 1);
  await dataKeys.rotate('key 0', call);
  const text = Buffer.from((await store.read(recordName('key 0'), call))?.bytes ?? []).toString();
  const first = text.indexOf('"check":"') + '"check":"'.length;
  await damage(store, 'key 0', `${text.slice(0, first)}${'A'.repeat(22)}${text.slice(first + 22)}`);
  const { failures } = await jobs.verifyAll({}, call);
  t.match(failures, [{ id: 'key 0', reason: 'record-corrupt', message: /^version 1: / }]);
});

t.test('no more records than asked for are worked on at once, and the failures held are bounded', async (t) => {
  const { walks, a } = await filled(t, 60);
  let [now, most] = [0, 0];
  const slow: Kek = {
    uri: a.uri,
    wrap: (key, context) => a.wrap(key, context),
    check: () => a.check(),
    close: async () => {},
    async unwrap() {
      most = Math.max(most, ++now);
      await new Promise(setImmediate);
      now--;
      throw new KeysteadError('record-corrupt', 'it does not open');
    },
  };
  const report = await walks({ kek: slow }).verifyAll({ concurrency: 5 }, call);
  t.match(report, { done: 60, failed: 60 });
  t.equal(most, 5);
});

t.test('the census says how many keys each KEK version wraps', async (t) => {
  const { jobs, dataKeys, a, b } = await filled(t, 3);
  await dataKeys.rotate('key 0', call);
  const of = (kek: typeof a) => `1-${kek.info()?.fingerprint}`;
  t.match((await jobs.census({}, call)).keks, [{ kek: a.uri, kekVersion: of(a), records: 3, versions: 4 }]);
  await jobs.rewrapAll({ limit: 1 }, call);
  const { keks } = await jobs.census({}, call);
  t.same(
    new Set(keks.map(({ kekVersion, records }) => `${kekVersion} ${records}`)),
    new Set([`${of(a)} 2`, `${of(b)} 1`]),
  );
});

t.test('a KEK that is away ends a walk before it touches anything', async (t) => {
  const { walks, store, b } = await filled(t, 2);
  const away: Kek = {
    uri: b.uri,
    wrap: () => Promise.reject(new KeysteadError('kms-unreachable', 'away')),
    unwrap: (wrapped, context) => b.unwrap(wrapped, context),
    check: () => b.check(),
    close: async () => {},
  };
  const before = await store.read(recordName('key 0'), call);
  await t.rejects(walks({ kek: away }).rewrapAll({}, call), failure('kms-unreachable'));
  t.same(await store.read(recordName('key 0'), call), before);
});

t.test('a KMS that goes away in the middle ends the walk, and blames no record', async (t) => {
  const { walks, a, b } = await filled(t, 20);
  const ring = kekRing(b, [a]);
  let opened = 0;
  const leaving: Kek = {
    uri: ring.uri,
    wrap: (key, context, call) => ring.wrap(key, context, call),
    check: (call) => ring.check(call),
    close: async () => {},
    async unwrap(wrapped, context, call) {
      if (++opened > 12) throw new KeysteadError('kms-timeout', 'no answer');
      return ring.unwrap(wrapped, context, call);
    },
  };
  const first = await walks({ kek: leaving }).verifyAll({ limit: 10 }, call);
  t.match(first, { done: 10, failed: 0, next: /./ });
  const from = first.next ?? '';
  const away = walks({ kek: leaving }).verifyAll({ limit: 10, from, concurrency: 1 }, call);
  await t.rejects(away, failure('kms-unreachable', /no answer/));
  t.equal(opened, 13, 'nothing more is asked of it');
  await t.rejects(walks({ kek: leaving }).rewrapAll({ from }, call), failure('kms-unreachable'));
  t.match(await walks().rewrapAll({ from }, call), { done: 10, changed: 10, failed: 0 });
});

t.test('a store that goes away in the middle ends the walk, and blames no record', async (t) => {
  const { walks, store } = await filled(t, 5);
  let reads = 0;
  const leaving: WrappedKeyStore = {
    uri: store.uri,
    read: async (name, call) => {
      if (++reads > 2) throw new KeysteadError('store-unreachable', 'away');
      return store.read(name, call);
    },
    create: (name, bytes, call) => store.create(name, bytes, call),
    replace: (name, bytes, etag, call) => store.replace(name, bytes, etag, call),
    delete: (name, etag, call) => store.delete(name, etag, call),
    list: (prefix, from, limit, call) => store.list(prefix, from, limit, call),
    check: (call) => store.check(call),
    close: async () => {},
  };
  await t.rejects(walks({ store: leaving }).verifyAll({ concurrency: 4 }, call), failure('store-unreachable'));
});
