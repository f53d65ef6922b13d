import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { fencedKek } from '../../src/core/fenced-kek.ts';
import type { Kek } from '../../src/core/kek.ts';
import { GENEROUS, limiter } from '../../src/core/limiter.ts';
import { kekThrough, type Passage, storeThrough } from '../../src/core/passage.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { singleFlight } from '../../src/data-keys/single-flight.ts';
import { storedDataKeys } from '../../src/data-keys/stored.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { keyAdmin, motoQuery, newBucket, openTestKek, openTestStore } from '../providers/aws/aws.ts';
import { openClusterKek } from '../support/cluster-kek.ts';
import { emulators } from '../support/emulators.ts';
import { testAmbient, testCall } from '../support/services.ts';

const call = testCall();
const CONCURRENCY = 32;

/** Data keys as the service makes them, the calls that reach KMS and store counted. */
function house(kek: Kek, store: WrappedKeyStore) {
  const { random, clock } = testAmbient();
  const counts: Record<string, number> = {};
  const counting: Passage = ({ operation, work }) => {
    counts[operation] = (counts[operation] ?? 0) + 1;
    return work();
  };
  const limited = () => limiter('a test', { ...GENEROUS, perSecond: 100_000 }, clock);
  const fenced = fencedKek(kekThrough(kek, limited(), counting), { random, clock });
  const dataKeys = storedDataKeys({ kek: fenced, store: storeThrough(store, limited(), counting), random, clock });
  return { counts, kek: fenced, dataKeys: singleFlight(dataKeys) };
}

/** First calls for so many ids, a fixed number at once, each id asked for by so many callers. */
async function createAll(t: Test, kek: Kek, store: WrappedKeyStore, ids: number, callers = 1) {
  const { counts, kek: fenced, dataKeys } = house(kek, store);
  await fenced.check(call); // as the service does at start
  for (const operation of Object.keys(counts)) delete counts[operation];
  let next = 0;
  let created = 0;
  const prefix = randomBytes(6).toString('hex');
  const worker = async () => {
    while (next < ids) {
      const request = { id: `${prefix}-${next++}`, length: 32, create: 'if-missing' } as const;
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
  return counts;
}

/**
 * What a first call costs: the read that finds nothing, one wrap, one conditional create, the read back, one unwrap.
 * The write fence was proved by the check at start and is kept proved by the unwraps.
 */
const first = (ids: number) => ({ wrap: ids, create: ids, read: 2 * ids, unwrap: ids });

t.test('1000 first calls, 32 at once, cost one wrap, one create, two reads and one unwrap each', async (t) => {
  t.same(await createAll(t, await openClusterKek(t), memoryStore(), 1000), first(1000));
});

t.test('and no more where five callers at once want each key', async (t) => {
  t.same(await createAll(t, await openClusterKek(t), memoryStore(), 200, 5), first(200));
});

// 1000 of them take this emulator half a minute; bench/stored.ts does that.
t.test('the same against AWS', { timeout: 60_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const { id } = await keyAdmin(t, env).create();
  const kek = await openTestKek(t, { ...motoQuery(env), keyName: id }, 60_000);
  const store = await openTestStore(t, await newBucket(t, motoQuery(env)), 60_000);
  t.same(await createAll(t, kek, store, 100), first(100));
});
