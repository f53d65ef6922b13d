import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { type WatchSettings, watchDoor } from '../../src/core/health.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const URI = 'kms://fake?keyName=a';

/** A watched door whose checks end as the test says. */
function watched(over: Partial<WatchSettings> = {}) {
  const clock = new FakeClock();
  const state: { checks: number; fails?: KeysteadError | undefined } = { checks: 0 };
  const check = async () => {
    state.checks++;
    if (state.fails !== undefined) throw state.fails;
  };
  return { clock, state, door: watchDoor({ name: 'kms', uri: URI, check, clock, freshMs: 5000, ...over }) };
}

const denied = new KeysteadError('provider-denied', 'key a: AWS does not permit it (kms:Decrypt)');
const away = new KeysteadError('kms-unreachable', 'key a: the server refused the connection');

t.test('a door that answers is ready, since it first did', async (t) => {
  const { clock, door } = watched();
  const first = clock.now();
  const { report, failure: none } = await door.look(call);
  t.strictSame(report, {
    name: 'kms',
    uri: URI,
    state: 'ready',
    operation: 'check',
    latencyMs: 0,
    checkedAt: first,
    since: first,
  });
  t.equal(none, undefined);
  await clock.advance(5000);
  t.match((await door.look(call)).report, { since: first, checkedAt: clock.now() });
});

t.test('a door that fails says why, and since when', async (t) => {
  const { clock, state, door } = watched();
  await door.look(call);
  state.fails = denied;
  await clock.advance(5000);
  const began = clock.now();
  await door.look(call);
  await clock.advance(5000);
  const { report, failure: found } = await door.look(call);
  t.equal(found, denied);
  t.match(report, {
    state: 'failing',
    operation: 'check',
    lastError: denied.message,
    lastErrorAt: clock.now(),
    since: began,
  });
  const last = clock.now();
  state.fails = undefined;
  await clock.advance(5000);
  const healed = await door.look(call);
  t.equal(healed.failure, undefined);
  t.match(healed.report, { state: 'ready', since: clock.now(), lastError: denied.message, lastErrorAt: last });
});

t.test('however many ask, one check at a time is made, and one in a few seconds', async (t) => {
  const { clock, state, door } = watched();
  await Promise.all(Array.from({ length: 50 }, () => door.look(call)));
  await clock.advance(4999);
  await door.look(call);
  t.equal(state.checks, 1);
  await clock.advance(1);
  await Promise.all([door.look(call), door.look(call)]);
  t.equal(state.checks, 2);
  await clock.advance(-60_000);
  await door.look(call);
  t.equal(state.checks, 3, 'a clock that was set back makes no check younger');
});

t.test('a door that costs nothing is checked every time', async (t) => {
  const { state, door } = watched({ freshMs: 0 });
  await door.look(call);
  state.fails = away;
  t.match((await door.look(call)).report, { state: 'failing' });
});

t.test('a check that hangs ends at its own deadline', async (t) => {
  const clock = new FakeClock();
  const check = () => new Promise<never>(() => {});
  const kms = watchDoor({ name: 'kms', uri: URI, check, clock, timeoutMs: 1 });
  t.match(await kms.look(call), { failure: failure('kms-timeout', /did not answer a check in 1 ms/) });
  const storage = watchDoor({ name: 'storage', uri: 'storage://fake', check, clock, timeoutMs: 1 });
  t.match(await storage.look(call), { failure: failure('store-timeout'), report: { name: 'storage' } });
});

t.test('a caller that goes away ends its own waiting and not the check', async (t) => {
  const gates: (() => void)[] = [];
  let signal: AbortSignal | undefined;
  const { door } = watched({
    check: (its) => {
      signal = its.signal;
      return new Promise((resolve) => gates.push(resolve));
    },
  });
  const gone = new AbortController();
  const leaving = door.look(testCall({ signal: gone.signal }));
  const staying = door.look(call);
  await turn();
  gone.abort();
  await t.rejects(leaving, failure('client-gone'));
  t.notOk(signal?.aborted);
  gates[0]?.();
  t.match(await staying, { report: { state: 'ready' } });
  t.equal(gates.length, 1);
});

t.test('a call that failed is told of, with its operation, while the checks say ready', async (t) => {
  const { clock, door } = watched();
  await clock.advance(1000);
  const work = () => Promise.reject(denied);
  await t.rejects(door.passage({ operation: 'unwrap', call, work }), denied);
  t.equal(await door.passage({ operation: 'wrap', call, work: async () => 'fine' }), 'fine');
  const { report, failure: none } = await door.look(call);
  t.equal(none, undefined);
  t.match(report, { state: 'ready', operation: 'unwrap', lastError: denied.message, lastErrorAt: clock.now() });
});

t.test('what a caller, a lost race or a damaged record brings about is no error of the door', async (t) => {
  for (const reason of ['client-gone', 'timeout', 'stale-etag', 'record-corrupt', 'context-mismatch'] as const) {
    const { door } = watched();
    const work = () => Promise.reject(new KeysteadError(reason, 'no'));
    await t.rejects(door.passage({ operation: 'read', call, work }), failure(reason));
    t.match((await door.look(call)).report, { operation: 'check', lastError: undefined });
  }
});

t.test('to be sealed is said while it lasts, and is no error to remember', async (t) => {
  const { state, door } = watched({ freshMs: 0 });
  state.fails = new KeysteadError('sealed', 'the service has no KEK yet');
  t.match((await door.look(call)).report, { state: 'failing', lastError: 'the service has no KEK yet' });
  state.fails = undefined;
  t.match((await door.look(call)).report, { state: 'ready', lastError: undefined });
});
