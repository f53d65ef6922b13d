import fc from 'fast-check';
import t from 'tap';
import type { Kek } from '../../src/core/kek.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import type { DataKey } from '../../src/data-keys/data-keys.ts';
import { recordName } from '../../src/data-keys/record-name.ts';
import { storedDataKeys } from '../../src/data-keys/stored.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { openClusterKek } from '../support/cluster-kek.ts';
import { type Fault, type FaultPlan, faultyStore } from '../support/faulty-store.ts';
import { holds } from '../support/property.ts';
import { everySchedule, type Gate, gatedKek, gatedStore, type Schedule, type Turn } from '../support/schedule.ts';
import { testAmbient, testCall } from '../support/services.ts';

const call = testCall();
const { random } = testAmbient();
const request = { id: 'a', length: 32, create: 'if-missing' } as const;

/** What one caller, a process of its own, runs into. */
interface Caller {
  /** The step at which its process dies, counted from 0; it takes no step from then on. */
  readonly diesAt?: number;
  readonly faults?: FaultPlan;
}

/** Asks for one id through a store and a KEK that wait at the gate before each step. */
function ask(shared: { kek: Kek; store: WrappedKeyStore }, caller: Caller, gate: Gate): Promise<DataKey | undefined> {
  let steps = 0;
  const own: Gate = (label) => (steps++ === caller.diesAt ? new Promise(() => {}) : gate(label));
  const store = gatedStore(faultyStore(shared.store, caller.faults ?? (() => undefined)), own);
  const clock = { now: () => new Date(0), sleep: () => own('sleep') };
  const dataKeys = storedDataKeys({ kek: gatedKek(shared.kek, own), store, random, clock });
  return dataKeys.get(request, call).catch(() => undefined);
}

/** Undefined: what every key store must be. Otherwise what went wrong. */
async function wrongWith(kek: Kek, store: WrappedKeyStore, answers: readonly DataKey[]): Promise<string | undefined> {
  const clock = { now: () => new Date(0), sleep: async () => {} };
  const late = await storedDataKeys({ kek, store, random, clock }).get(request, call);
  if (!answers.every(({ key }) => key.equals(late.key))) return 'two callers hold different keys';
  if (answers.filter(({ created }) => created).length > 1) return 'two callers were told that they made the key';
  if (answers.length > 0 && late.created) return 'a key was handed out that is not stored';
  return undefined;
}

/** Every order of the steps of these callers; gives how many there are, and the first that goes wrong. */
async function explore(kek: Kek, callers: readonly Caller[]): Promise<{ orders: number; wrong: string | undefined }> {
  let wrong: string | undefined;
  const scenario = async (schedule: Schedule, choices: readonly number[]): Promise<readonly Turn[]> => {
    const store = memoryStore();
    const answers: DataKey[] = [];
    for (const [n, caller] of callers.entries()) {
      void ask({ kek, store }, caller, (label) => schedule.gate(`${n}:${label}`)).then(
        (key) => key && answers.push(key),
      );
    }
    const { turns, trace } = await schedule.run(choices);
    const what = await wrongWith(kek, store, answers);
    if (what !== undefined) wrong ??= `${what}, after ${trace}`;
    return turns;
  };
  return { orders: await everySchedule(scenario), wrong };
}

const onCreate =
  (fault: Fault): FaultPlan =>
  (operation) =>
    operation === 'create' ? fault : undefined;
const onRead =
  (fault: Fault, nth: number): FaultPlan =>
  (operation, n) =>
    operation === 'read' && n === nth ? fault : undefined;

t.test('two callers who race for an id get one key, in every order of their steps', async (t) => {
  const { orders, wrong } = await explore(await openClusterKek(t), [{}, {}]);
  t.equal(wrong, undefined);
  t.ok(orders > 200, `${orders} orders`);
});

t.test('also when one dies, whichever its last step is', async (t) => {
  const kek = await openClusterKek(t);
  for (const diesAt of [0, 1, 2, 3, 4]) {
    t.equal((await explore(kek, [{ diesAt }, {}])).wrong, undefined, `before step ${diesAt}`);
  }
});

t.test('also when the store fails, repeats, forgets, or loses an answer', async (t) => {
  const kek = await openClusterKek(t);
  const plans = {
    'create fails': onCreate('fails'),
    'the answer of create is lost': onCreate('loses-answer'),
    'create is repeated': onCreate('repeats'),
    'the first read fails': onRead('fails', 1),
    'the first read sees nothing': onRead('forgets', 1),
    'the second read sees nothing': onRead('forgets', 2),
    'the second read is lost': onRead('loses-answer', 2),
  };
  for (const [what, faults] of Object.entries(plans)) {
    t.equal((await explore(kek, [{ faults }, {}])).wrong, undefined, what);
  }
});

t.test('the search does find two keys where a store ignores the condition', async (t) => {
  const { wrong } = await explore(await openClusterKek(t), [{ faults: onCreate('overwrites') }, {}]);
  t.match(wrong, /different keys|not stored/);
});

t.test('three callers get one key, whatever the order, the faults and the deaths', async (t) => {
  const kek = await openClusterKek(t);
  const fault = fc.option(fc.constantFrom<Fault>('fails', 'loses-answer', 'repeats'), { nil: undefined, freq: 3 });
  const caller = fc.record({
    diesAt: fc.option(fc.nat(6), { nil: undefined }),
    creates: fault,
    reads: fc.array(fc.oneof(fault, fc.constant<Fault>('forgets')), { maxLength: 4 }),
  });
  await holds(
    t,
    fc.asyncProperty(fc.scheduler(), fc.array(caller, { minLength: 3, maxLength: 3 }), async (scheduler, callers) => {
      const store = memoryStore();
      const answers: DataKey[] = [];
      for (const [n, { diesAt, creates, reads }] of callers.entries()) {
        const faults: FaultPlan = (operation, nth) => (operation === 'create' ? creates : reads[nth - 1]);
        const gate: Gate = (label) => scheduler.schedule(Promise.resolve(), `${n}:${label}`);
        const asked = { ...(diesAt === undefined ? {} : { diesAt }), faults };
        void ask({ kek, store }, asked, gate).then((key) => key && answers.push(key));
      }
      await scheduler.waitIdle();
      return (await wrongWith(kek, store, answers)) === undefined;
    }),
    { numRuns: 300 },
  );
});

t.test('of fifty callers at once, one makes the key and all have it', async (t) => {
  const kek = await openClusterKek(t);
  const store = memoryStore();
  const callers = Array.from({ length: 50 }, () => ask({ kek, store }, {}, () => new Promise(setImmediate)));
  const answers = await Promise.all(callers);
  t.equal(new Set(answers.map((key) => Buffer.from(key?.key.expose() ?? []).toString('hex'))).size, 1);
  t.equal(answers.filter((key) => key?.created).length, 1);
  t.same((await store.list('', undefined, 10, call)).items, [recordName('a')]);
});
