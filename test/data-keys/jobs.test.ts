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
import { faultyStore } from '../support/faulty-store.ts';
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

/** What stands in for a KEK; `over` takes the place of what it does. */
function kekWith(inner: Kek, over: Partial<Kek>): Kek {
  return {
    uri: inner.uri,
    wrap: (key, context, call) => inner.wrap(key, context, call),
    unwrap: (wrapped, context, call) => inner.unwrap(wrapped, context, call),
    check: (call) => inner.check(call),
    close: async () => {},
    ...over,
  };
}

const fails = (reason: 'kms-timeout' | 'store-timeout' | 'provider-throttled' | 'concurrent-write') => () =>
  Promise.reject(new KeysteadError(reason, 'no answer'));
const AWAY = { code: 'unavailable', retryAfter: 5 } as const;

t.test('a KMS that goes away in the middle ends the walk, which goes on where it ended', async (t) => {
  const { walks, a, b } = await filled(t, 20);
  let [opened, checked] = [0, 0];
  const leaving = kekWith(kekRing(b, [a]), {
    async unwrap(wrapped, context, call) {
      if (++opened > 12) return fails('kms-timeout')();
      return kekRing(b, [a]).unwrap(wrapped, context, call);
    },
    check: () => {
      checked++;
      return fails('kms-timeout')();
    },
  });
  const first = await walks({ kek: leaving }).verifyAll({ limit: 10 }, call);
  t.match(first, { done: 10, failed: 0, next: /./ });
  const from = first.next ?? '';
  const away = walks({ kek: leaving }).verifyAll({ limit: 10, from, concurrency: 1 }, call);
  await t.rejects(away, { ...AWAY, reason: 'kms-unreachable', message: /no answer/ });
  t.same([opened, checked], [13, 1], 'nothing more is asked of it');
  await t.rejects(walks({ kek: leaving }).rewrapAll({ from }, call), { ...AWAY, reason: 'kms-unreachable' });
  t.match(await walks().rewrapAll({ from }, call), { done: 10, changed: 10, failed: 0 });
});

t.test('a store that goes away in the middle ends the walk', async (t) => {
  const { walks, store } = await filled(t, 5);
  const leaving = faultyStore(store, (operation, n) =>
    (operation === 'read' && n > 2) || (operation === 'list' && n > 1) ? 'fails' : undefined,
  );
  const walk = walks({ store: leaving }).verifyAll({ concurrency: 4 }, call);
  await t.rejects(walk, { ...AWAY, reason: 'store-unreachable' });
});

t.test('also where no record is to blame: whatever is away, the walk is unavailable', async (t) => {
  const { walks, store, b } = await filled(t, 1);
  const unlisted: WrappedKeyStore = { ...memoryOf(store), list: fails('store-timeout') };
  for (const job of ['verifyAll', 'rewrapAll', 'purgeAll', 'census'] as const) {
    const walk = walks({ store: unlisted })[job]({}, call);
    await t.rejects(walk, { ...AWAY, reason: 'store-unreachable' }, job);
  }
  const away = kekWith(b, { wrap: fails('kms-timeout') });
  await t.rejects(walks({ kek: away }).rewrapAll({}, call), { ...AWAY, reason: 'kms-unreachable' });
});

t.test('a failure that may pass is noted as such where everything else goes on', async (t) => {
  const { walks, a, b, store } = await filled(t, 6);
  const hit = async (id: string) => (await store.read(recordName(id), call))?.bytes;
  const unlucky = Buffer.from((await hit('key 3')) ?? []).toString();
  const kek = kekWith(kekRing(b, [a]), {
    unwrap(wrapped, context, call) {
      const its = unlucky.includes(Buffer.from(wrapped.bytes).toString('base64'));
      return its ? fails('provider-throttled')() : kekRing(b, [a]).unwrap(wrapped, context, call);
    },
  });
  for (const job of ['verifyAll', 'rewrapAll'] as const) {
    const report = await walks({ kek })[job]({}, call);
    t.match(report, { done: 6, failed: 1, failures: [{ id: 'key 3', reason: 'provider-throttled', retryable: true }] });
  }
  const busy = { ...memoryOf(store), replace: fails('concurrent-write') };
  t.match(await walks({ store: busy }).rewrapAll({}, call), {
    done: 6,
    changed: 0,
    failed: 1,
    failures: [{ id: 'key 3', reason: 'concurrent-write', retryable: true }],
  });
  t.match(await walks().rewrapAll({}, call), { done: 6, changed: 1, failed: 0 }, 'and passes with the next walk');
});

t.test('calls that fail one after the other end a walk, whatever a check says', async (t) => {
  const { walks, a, b } = await filled(t, 40);
  let asked = 0;
  const stuck = kekWith(kekRing(b, [a]), {
    unwrap: () => {
      asked++;
      return fails('kms-timeout')();
    },
  });
  const named = kekWith(stuck, { uri: a.uri });
  await t.rejects(walks({ kek: named }).verifyAll({ concurrency: 1 }, call), { ...AWAY, reason: 'kms-unreachable' });
  t.ok(asked < 20, `${asked} calls`);
});

t.test(
  'calls that fail now and then end no walk, and one look at KMS and store is for all that fail at once',
  async (t) => {
    const { walks, a, b } = await filled(t, 40);
    const ring = kekRing(b, [a]);
    let [opened, looks] = [0, 0];
    const shaky = kekWith(ring, {
      unwrap: (wrapped, context, call) =>
        ++opened % 2 === 0 ? fails('kms-timeout')() : ring.unwrap(wrapped, context, call),
      check: async () => void looks++,
    });
    t.match(await walks({ kek: shaky }).verifyAll({ concurrency: 1 }, call), { done: 40, failed: 20 });
    t.equal(looks, 20);
    looks = 0;
    const failing = kekWith(ring, { unwrap: fails('kms-timeout'), check: async () => void looks++ });
    t.match(await walks({ kek: failing }).verifyAll({ limit: 8, concurrency: 8 }, call), { done: 8, failed: 8 });
    t.ok(looks < 8, `${looks} looks`);
  },
);

/** Keys under a former KEK that is away and under the current one; `asked` counts what the former one was asked. */
async function halfMoved(t: Test) {
  const all = await filled(t, 40);
  const { b, store, walks } = all;
  let asked = 0;
  const former = kekWith(all.a, {
    uri: 'kms://former',
    unwrap: () => {
      asked++;
      return fails('kms-timeout')();
    },
  });
  const text = async (id: string) => Buffer.from((await store.read(recordName(id), call))?.bytes ?? []).toString();
  for (let n = 0; n < 30; n++) {
    await damage(store, `key ${n}`, (await text(`key ${n}`)).replace('"kms://cluster-kms"', '"kms://former"'));
  }
  const { dataKeys } = await storedHouse(t, { store, kek: b });
  for (let n = 0; n < 30; n++) await dataKeys.get(ask(`new ${n}`), call);
  let looks = 0;
  const ring = kekWith(kekRing(b, [all.a, former]), { check: async () => void looks++ });
  return { ...all, text, jobs: walks({ kek: ring }), asked: () => asked, looks: () => looks };
}

t.test(
  'a former KEK that is away keeps nobody from the keys of the others, and is asked a few times only',
  async (t) => {
    const { jobs, asked, looks } = await halfMoved(t);
    const verified = await jobs.verifyAll({ concurrency: 1 }, call);
    t.match(verified, { done: 70, failed: 30 });
    t.ok(verified.failures.every(({ reason, retryable }) => retryable && reason === 'kms-unreachable'));
    t.ok(asked() < 6 && looks() < 6, `asked ${asked()} times, ${looks()} looks`);
    t.match(await jobs.verifyAll({ concurrency: 30 }, call), { done: 70, failed: 30 }, 'many at once as well');
    t.match(await jobs.rewrapAll({ concurrency: 1 }, call), { done: 70, changed: 10, failed: 30 });
  },
);

t.test('a version that does not open is told of, whatever KEK of another version is away', async (t) => {
  const { jobs, store, text } = await halfMoved(t);
  const mixed = async (id: string) => {
    const [own, other] = [JSON.parse(await text(id)), JSON.parse(await text('new 0'))];
    return JSON.stringify({ ...own, versions: [...own.versions, { ...other.versions[0], version: 2 }] });
  };
  await damage(store, 'key 1', await mixed('key 1'));
  const { failures } = await jobs.verifyAll({}, call);
  t.match(
    failures.find(({ id }) => id === 'key 1'),
    { reason: 'context-mismatch', message: /^version 2: /, retryable: false },
  );
});

/** A store that a test may spread. */
function memoryOf(store: WrappedKeyStore): WrappedKeyStore {
  return faultyStore(store, () => undefined);
}
