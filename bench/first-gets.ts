import { fencedKek } from '../src/core/fenced-kek.ts';
import { fencedStore } from '../src/core/fenced-store.ts';
import type { Kek } from '../src/core/kek.ts';
import { kekThrough, storeThrough } from '../src/core/passage.ts';
import type { WrappedKeyStore } from '../src/core/store.ts';
import type { CreateMode } from '../src/data-keys/data-keys.ts';
import { singleFlight } from '../src/data-keys/single-flight.ts';
import { storedDataKeys } from '../src/data-keys/stored.ts';
import { testAmbient, testCall } from '../test/support/services.ts';
import { callsEach, counter } from './support/count.ts';
import type { Row } from './support/measure.ts';

const CREATES = 1000;
const CONCURRENCY = 32;
const call = testCall();

/** Calls upstream that a first get makes: one wrap, one create, one read, one unwrap, and a look unless it is said to be new. */
const CALLS = { must: 4, 'if-missing': 5 } as const satisfies Partial<Record<CreateMode, number>>;

/** First calls for many ids, the calls upstream counted. */
export async function firstGetRows(bareKek: Kek, bareStore: WrappedKeyStore): Promise<Row[]> {
  const { random, clock } = testAmbient();
  const { counts, passage } = counter();
  const kek = fencedKek(kekThrough(bareKek, passage), { random, clock });
  const store = fencedStore(storeThrough(bareStore, passage), { clock });
  const dataKeys = singleFlight(storedDataKeys({ kek, store, random, clock }));
  // As the service does at start.
  await kek.check(call);
  await store.check(call);
  const rows: Row[] = [];
  for (const [create, most] of Object.entries(CALLS) as [keyof typeof CALLS, number][]) {
    counts.clear();
    const begin = performance.now();
    let next = 0;
    const worker = async () => {
      while (next < CREATES) {
        const id = `first-${create}-${next++}`;
        (await dataKeys.get({ id, length: 32, create }, call)).key.dispose();
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, worker));
    const rate = CREATES / ((performance.now() - begin) / 1000);
    const all = [...counts.values()].reduce((sum, count) => sum + count, 0) / CREATES;
    rows.push({
      what: `(f) calls upstream for each of ${CREATES} first gets, \`${create}\`, ${CONCURRENCY} at once (${rate.toFixed(0)}/s)`,
      ours: callsEach(counts, CREATES),
      baseline: create === 'must' ? 'one of each' : 'one of each, and the read that finds nothing',
      ratio: (all / most).toFixed(2),
      target: `≤ 1${all <= most ? '' : ' (missed)'}`,
    });
  }
  return rows;
}
