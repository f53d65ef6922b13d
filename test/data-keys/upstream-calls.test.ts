import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { fencedKek } from '../../src/core/fenced-kek.ts';
import { fencedStore } from '../../src/core/fenced-store.ts';
import type { Kek } from '../../src/core/kek.ts';
import { GENEROUS, limiter } from '../../src/core/limiter.ts';
import { kekThrough, type Passage, storeThrough } from '../../src/core/passage.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { parseKmsUri, parseStorageUri } from '../../src/core/uri.ts';
import type { CreateMode } from '../../src/data-keys/data-keys.ts';
import { singleFlight } from '../../src/data-keys/single-flight.ts';
import { storedDataKeys } from '../../src/data-keys/stored.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { openKek, openStore } from '../../src/providers/open.ts';
import { CLOUDS, type Cloud } from '../support/clouds.ts';
import { openClusterKek } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { faultProxy } from '../support/fault-proxy.ts';
import { testAmbient, testCall } from '../support/services.ts';

t.setTimeout(400_000);
const call = testCall();
const CONCURRENCY = 32;
const PATIENCE_MS = 60_000;

type Counts = Record<string, number>;

/** Data keys as the service makes them, the calls that reach KMS and store counted; ready as the service is at start. */
async function house(kek: Kek, store: WrappedKeyStore) {
  const { random, clock } = testAmbient();
  const counts: Counts = {};
  const counting: Passage = ({ operation, work }) => {
    counts[operation] = (counts[operation] ?? 0) + 1;
    return work();
  };
  const limited = () => limiter('a test', { ...GENEROUS, perSecond: 100_000 }, clock);
  // So that no proof grows old, and is made again, while the calls are counted.
  const still = new FakeClock();
  const fenced = fencedKek(kekThrough(kek, limited(), counting), { random, clock: still });
  const counted = fencedStore(storeThrough(store, limited(), counting), { clock: still });
  const dataKeys = singleFlight(storedDataKeys({ kek: fenced, store: counted, random, clock }));
  await fenced.check(call);
  await counted.check(call);
  const forget = () => {
    for (const operation of Object.keys(counts)) delete counts[operation];
  };
  forget();
  return { counts, forget, dataKeys };
}

type House = Awaited<ReturnType<typeof house>>;

/** First calls for so many ids, a fixed number at once, each id asked for by so many callers. Gives the ids. */
async function createAll(t: Test, { dataKeys }: House, create: CreateMode, ids: number, callers = 1) {
  let next = 0;
  let created = 0;
  const prefix = randomBytes(6).toString('hex');
  const all = Array.from({ length: ids }, (_, n) => `${prefix}-${n}`);
  const worker = async () => {
    for (let id = all[next++]; id !== undefined; id = all[next++]) {
      const request = { id, length: 32, create };
      const keys = await Promise.all(Array.from({ length: callers }, () => dataKeys.get(request, call)));
      for (const key of keys) {
        if (key.created) created++;
        key.key.dispose();
      }
      await turn();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  t.equal(created, ids);
  return all;
}

/**
 * What a first call costs: one wrap, one conditional create, the read back, one unwrap; before them the read that finds
 * nothing, unless the caller says that the key is new. The write fences were proved by the checks at start, and that of
 * the KEK is kept proved by the unwraps.
 */
const first = (create: CreateMode, ids: number): Counts => ({
  wrap: ids,
  create: ids,
  read: create === 'must' ? ids : 2 * ids,
  unwrap: ids,
});

const FORMS = ['must', 'if-missing'] as const;

for (const create of FORMS) {
  t.test(`1000 first calls, 32 at once, cost one of each call and no more: create "${create}"`, async (t) => {
    const rooms = await house(await openClusterKek(t), memoryStore());
    await createAll(t, rooms, create, 1000);
    t.same(rooms.counts, first(create, 1000));
  });
}

t.test('and no more where five callers at once want each key', async (t) => {
  const rooms = await house(await openClusterKek(t), memoryStore());
  await createAll(t, rooms, 'if-missing', 200, 5);
  t.same(rooms.counts, first('if-missing', 200));
});

t.test('who must create, and cannot, costs no unwrap and writes nothing', async (t) => {
  const { counts, forget, dataKeys } = await house(await openClusterKek(t), memoryStore());
  const request = { id: 'a', length: 32, create: 'must' } as const;
  (await dataKeys.get(request, call)).key.dispose();
  forget();
  await t.rejects(dataKeys.get(request, call), failure('data-key-exists'));
  t.same(counts, { wrap: 1, create: 1, read: 1 });
});

// 1000 of them take an emulator half a minute; bench/stored.ts does that.
const IDS = 20;

for (const [name, open] of Object.entries(CLOUDS)) {
  t.test(`the same against ${name}, and as many requests to its store as calls`, { timeout: 390_000 }, async (t) => {
    const cloud = await open(t);
    if (cloud !== undefined) await countOn(t, cloud);
  });
}

async function countOn(t: Test, cloud: Cloud): Promise<void> {
  const requests: Counts = {};
  const count = (_n: number, method: string) => {
    const kind = method === 'GET' ? 'reads' : 'writes';
    requests[kind] = (requests[kind] ?? 0) + 1;
    return undefined;
  };
  const proxy = await faultProxy(t, cloud.storageEndpoint, count, cloud.env);
  Object.assign(process.env, cloud.env);
  const { random } = testAmbient();
  const deps = { random, secrets: { env: process.env, readFile: () => Buffer.alloc(0) }, timeoutMs: PATIENCE_MS };
  const { kek } = await openKek(parseKmsUri(cloud.kms), deps);
  t.teardown(() => kek.close());
  const store = await openStore(parseStorageUri(cloud.storage(proxy.url)), deps);
  t.teardown(() => store?.close());
  const rooms = await house(kek, store as WrappedKeyStore);
  for (const create of FORMS) {
    rooms.forget();
    for (const kind of Object.keys(requests)) delete requests[kind];
    const ids = await createAll(t, rooms, create, IDS);
    const { wrap, unwrap, create: creates, read } = first(create, IDS);
    t.same(rooms.counts, { wrap, create: creates, read, unwrap }, create);
    t.same(requests, { reads: read, writes: creates }, `${create}: requests`);
    rooms.forget();
    for (const id of ids) (await rooms.dataKeys.get({ id, length: 32, create: 'if-missing' }, call)).key.dispose();
    t.same(rooms.counts, { read: IDS, unwrap: IDS }, 'a key that is stored costs one read and one unwrap');
  }
}
