import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import type { CreateMode, DataKeys } from '../../src/data-keys/data-keys.ts';
import { singleFlight } from '../../src/data-keys/single-flight.ts';
import { dataKeysSuite } from '../conformance/data-keys.ts';
import { failure } from '../support/failure.ts';
import { scriptedDataKeys } from '../support/scripted-data-keys.ts';
import { testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';

const call = testCall();
const ask = (id: string, create: CreateMode = 'if-missing', length = 32) => ({ id, length, create });
const leaver = () => {
  const gone = new AbortController();
  const leave = () => gone.abort(new KeysteadError('client-gone', 'the caller went away'));
  return { call: testCall({ signal: gone.signal }), leave };
};

dataKeysSuite(t, async (t) => singleFlight((await storedHouse(t)).dataKeys));

t.test('callers at once share one round, and each disposes a key of its own', async (t) => {
  const { dataKeys, rounds } = scriptedDataKeys();
  const flights = singleFlight(dataKeys);
  const waiting = [1, 2, 3].map(() => flights.get(ask('a'), call));
  t.equal(rounds.length, 1);
  const own = SecretBytes.own(new Uint8Array(32).fill(9));
  rounds[0]?.answer({ key: own });
  const keys = await Promise.all(waiting);
  for (const { key } of keys) {
    t.same([...key.expose()], new Array(32).fill(9));
    key.dispose();
  }
  t.ok(own.disposed, 'and nobody owns the key of the round itself');
  void flights.get(ask('a'), call);
  t.equal(rounds.length, 2, 'a round that is over is not shared');
});

t.test('what differs in id, version, length or create is not shared', async (t) => {
  const { dataKeys, rounds } = scriptedDataKeys();
  const flights = singleFlight(dataKeys);
  const requests = [
    ask('a'),
    ask('b'),
    { ...ask('a'), version: 1 },
    { ...ask('a'), version: 2 },
    ask('a', 'if-missing', 64),
    ask('a', 'never'),
  ];
  for (const request of [...requests, ...requests]) void flights.get(request, call);
  t.same(
    rounds.map(({ request }) => request),
    requests,
  );
});

t.test('who insists on creating shares with nobody, and of those who share one is told of the creation', async (t) => {
  const { dataKeys, rounds } = scriptedDataKeys();
  const flights = singleFlight(dataKeys);
  for (let n = 0; n < 2; n++) void flights.get(ask('a', 'must'), call);
  t.equal(rounds.length, 2);
  const waiting = [1, 2, 3].map(() => flights.get(ask('a'), call));
  rounds[2]?.answer({ created: true });
  t.equal((await Promise.all(waiting)).filter(({ created }) => created).length, 1);
});

t.test('a caller that goes away ends its own call and nobody else’s', async (t) => {
  const { dataKeys, rounds } = scriptedDataKeys();
  const flights = singleFlight(dataKeys);
  const first = leaver();
  const leaving = flights.get(ask('a'), first.call);
  const staying = flights.get(ask('a'), call);
  first.leave();
  await t.rejects(leaving, failure('client-gone'));
  t.notOk(rounds[0]?.call.signal.aborted);
  rounds[0]?.answer({ created: true });
  t.match(await staying, { id: 'a', created: true }, 'and the news of the creation is not lost with it');
});

t.test('the round ends when all have gone, its late key is wiped, and the next caller begins another', async (t) => {
  const { dataKeys, rounds } = scriptedDataKeys();
  const flights = singleFlight(dataKeys);
  const callers = [leaver(), leaver()];
  const leaving = callers.map((caller) => flights.get(ask('a'), caller.call));
  for (const { leave } of callers) leave();
  for (const one of leaving) await t.rejects(one, failure('client-gone'));
  t.ok(rounds[0]?.call.signal.aborted);
  const next = flights.get(ask('a'), call);
  t.equal(rounds.length, 2);
  const late = SecretBytes.own(new Uint8Array(32));
  rounds[0]?.answer({ key: late });
  await turn();
  t.ok(late.disposed);
  void flights.get(ask('a'), call);
  t.equal(rounds.length, 2, 'and the end of the old round does not end the sharing of the new one');
  rounds[1]?.answer();
  t.match(await next, { id: 'a' });
});

t.test('a round that fails fails for all who wait, and for nobody after', async (t) => {
  const { dataKeys, rounds } = scriptedDataKeys();
  const flights = singleFlight(dataKeys);
  const waiting = [1, 2].map(() => flights.get(ask('a'), call));
  rounds[0]?.fail(new KeysteadError('kms-unreachable', 'away'));
  for (const one of waiting) await t.rejects(one, failure('kms-unreachable'));
  const next = flights.get(ask('a'), call);
  rounds[1]?.answer();
  t.match(await next, { id: 'a' });
});

t.test('a get that begins after a change does not join a round from before it', async (t) => {
  const changes: ((dataKeys: DataKeys) => Promise<unknown>)[] = [
    (dataKeys) => dataKeys.rotate('a', call),
    (dataKeys) => dataKeys.rewrap('a', call),
    (dataKeys) => dataKeys.delete('a', 'etag', call),
    (dataKeys) => dataKeys.restore('a', call),
  ];
  for (const change of changes) {
    const { dataKeys, rounds } = scriptedDataKeys();
    const flights = singleFlight(dataKeys);
    const before = flights.get(ask('a'), call);
    await change(flights);
    const after = flights.get(ask('a'), call);
    t.equal(rounds.length, 2);
    rounds[0]?.answer({ version: 1 });
    t.equal((await before).version, 1);
    const joined = flights.get(ask('a'), call);
    t.equal(rounds.length, 2, 'and the end of the old round does not end the sharing of the new one');
    rounds[1]?.answer({ version: 2 });
    t.same([(await after).version, (await joined).version], [2, 2]);
  }
});

t.test('also after a change that failed: it may have taken place', async (t) => {
  const { dataKeys, rounds } = scriptedDataKeys();
  const rotate = () => Promise.reject(new KeysteadError('store-timeout', 'no answer'));
  const flights = singleFlight({ ...dataKeys, rotate });
  void flights.get(ask('a'), call);
  await t.rejects(flights.rotate('a', call), failure('store-timeout'));
  void flights.get(ask('a'), call);
  t.equal(rounds.length, 2);
});
