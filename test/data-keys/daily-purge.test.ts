import t, { type Test } from 'tap';
import type { Call } from '../../src/core/call.ts';
import { PURGE_RECORD_NAME, purgeDaily } from '../../src/data-keys/daily-purge.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { testAmbient, testCall } from '../support/services.ts';

const HOUR = 3_600_000;
const call = testCall();
const ownCall = (signal: AbortSignal) => testCall({ signal });

function world(t: Test, store = memoryStore()) {
  const clock = new FakeClock();
  const { random } = testAmbient();
  const purges: Date[] = [];
  const start = (purge: (call: Call) => Promise<unknown> = async () => purges.push(clock.now())) => {
    const daily = purgeDaily({ store, clock, random, ownCall, purge });
    t.teardown(() => daily.close());
    return daily;
  };
  const pass = async (hours: number) => {
    for (let half = 0; half < 2 * hours; half++) {
      await clock.advance(HOUR / 2);
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    }
  };
  return { store, clock, purges, start, pass };
}

t.test('a store is purged once a day, also where nobody lives for a day', async (t) => {
  const { purges, start, pass } = world(t);
  for (let n = 0; n < 14; n++) {
    const daily = start();
    await pass(7);
    await daily.close();
  }
  t.ok(purges.length >= 3 && purges.length <= 5, `${purges.length} in four days`);
  t.ok(purges.every((at, n) => n === 0 || at.getTime() - (purges[n - 1] as Date).getTime() >= 24 * HOUR));
});

t.test('however many look after it, one a day walks over it', async (t) => {
  const { purges, start, pass } = world(t);
  for (let n = 0; n < 12; n++) start();
  await pass(72);
  t.ok(purges.length >= 2 && purges.length <= 3, `${purges.length} in three days`);
});

t.test('replicas that were started together do not look together', async (t) => {
  const reads: number[] = [];
  const clock = new FakeClock();
  const store = { ...memoryStore(), read: async () => void reads.push(clock.now().getTime()) };
  const { random } = testAmbient();
  const many = Array.from({ length: 40 }, () => purgeDaily({ store, clock, random, ownCall, purge: async () => {} }));
  for (let minute = 0; minute < 90; minute++) await clock.advance(60_000);
  for (const one of many) await one.close();
  t.ok(new Set(reads).size > 15, 'they spread over the minutes');
});

t.test('a purge that fails is done on another day, and a store that is away is asked again', async (t) => {
  const store = faultyStore(memoryStore(), (operation, n) => (operation === 'read' && n < 4 ? 'fails' : undefined));
  const { start, pass, clock } = world(t, store);
  const tried: number[] = [];
  const begun = clock.now().getTime();
  start(async () => {
    tried.push(Math.floor((clock.now().getTime() - begun) / HOUR));
    throw new Error('no');
  });
  await pass(60);
  t.equal(tried.length, 3);
  t.ok((tried[0] as number) < 8, `after ${tried[0]} hours`);
});

t.test('a damaged note, or one from a clock that was off, holds nobody up', async (t) => {
  for (const note of ['?', '{"keystead":1,"purgedAt":"2031-01-01T00:00:00.000Z"}']) {
    const { store, purges, start, pass } = world(t);
    await store.create(PURGE_RECORD_NAME, Buffer.from(note), call);
    start();
    await pass(3);
    t.equal(purges.length, 1);
    const text = Buffer.from((await store.read(PURGE_RECORD_NAME, call))?.bytes ?? []).toString();
    t.equal(text, `{"keystead":1,"purgedAt":"${purges[0]?.toISOString()}"}`);
  }
});

t.test('closing ends the purge that is going on, and waits for it', async (t) => {
  const { start, pass } = world(t);
  const entered = Promise.withResolvers<void>();
  let over = false;
  const daily = start(async ({ signal }) => {
    entered.resolve();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    over = true;
  });
  await pass(2);
  await entered.promise;
  await daily.close();
  t.ok(over);
});
