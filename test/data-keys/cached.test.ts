import t, { type Test } from 'tap';
import { KeysteadError, type Reason } from '../../src/core/errors.ts';
import { type CacheSettings, cachedDataKeys } from '../../src/data-keys/cached.ts';
import type { DataKey, DataKeys, GetDataKey } from '../../src/data-keys/data-keys.ts';
import { dataKeysSuite } from '../conformance/data-keys.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordedSecrets } from '../support/recorded-secrets.ts';
import { scriptedDataKeys } from '../support/scripted-data-keys.ts';
import { testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';

const call = testCall();
const ask = (id: string, over: Partial<GetDataKey> = {}): GetDataKey => ({
  id,
  length: 32,
  create: 'if-missing',
  ...over,
});
const hex = ({ key }: DataKey) => Buffer.from(key.expose()).toString('hex');
const TTL = 60_000;
const OFFLINE = 600_000;

function cached(t: Test, over: Partial<CacheSettings> = {}) {
  const clock = new FakeClock();
  const { dataKeys, rounds } = scriptedDataKeys();
  const cache = cachedDataKeys(dataKeys, { ttlMs: TTL, maxKeys: 3, offlineMs: 0, ...over }, clock);
  t.teardown(() => cache.close());
  /** Gets a key; where the cache does not have it, the round is answered so. */
  const get = async (request: GetDataKey, answer: { version?: number; fails?: Reason } = {}): Promise<DataKey> => {
    const before = rounds.length;
    const got = cache.get(request, call);
    if (rounds.length > before) {
      if (answer.fails !== undefined) rounds.at(-1)?.fail(new KeysteadError(answer.fails, 'no'));
      else rounds.at(-1)?.answer(answer.version === undefined ? {} : { version: answer.version });
    }
    return got;
  };
  return { cache, clock, rounds, get };
}

dataKeysSuite(t, async (t) => {
  const cache = cachedDataKeys(
    (await storedHouse(t)).dataKeys,
    { ttlMs: TTL, maxKeys: 5, offlineMs: 0 },
    new FakeClock(),
  );
  t.teardown(() => cache.close());
  return cache;
});

t.test('a second get comes out of the cache, as a key of its own', async (t) => {
  const { get, rounds } = cached(t);
  const first = await get(ask('a'));
  t.match(first, { source: 'stored' });
  const expected = hex(first);
  first.key.dispose();
  const second = await get(ask('a'));
  t.match(second, { id: 'a', version: 1, created: false, source: 'cache' });
  t.equal(hex(second), expected);
  second.key.dispose();
  t.equal(hex(await get(ask('a', { create: 'never', version: 1 }))), expected, 'also by its version');
  t.equal(rounds.length, 1);
});

t.test(
  'who insists on creating, asks for another version or another length, gets no answer from the cache',
  async (t) => {
    const { get, rounds } = cached(t);
    await get(ask('a'));
    await get(ask('a', { create: 'must' }));
    await get(ask('a', { version: 2 }));
    await get(ask('a', { length: 64 }));
    t.equal(rounds.length, 4);
  },
);

t.test('a key expires, counted from when it was asked for, and is wiped also when nobody asks again', async (t) => {
  const { cache, clock, rounds, get } = cached(t);
  const slow = cache.get(ask('a'), call);
  await clock.advance(TTL / 2);
  const made = recordedSecrets(t);
  rounds[0]?.answer();
  (await slow).key.dispose();
  await clock.advance(TTL / 2 - 1);
  t.match(await get(ask('a')), { source: 'cache' });
  await clock.advance(1);
  t.match(await get(ask('a')), { source: 'stored' }, 'it is asked for again');
  await clock.advance(TTL);
  await clock.advance(TTL / 10);
  t.equal(made.filter(({ disposed }) => !disposed).length, 3 - 1, 'what callers hold, and nothing of the cache');
  t.equal(clock.sleepers, 0, 'and nothing waits any more');
});

t.test('a clock that was set back makes nothing younger', async (t) => {
  const { clock, rounds, get } = cached(t);
  await get(ask('a'));
  await clock.advance(-1);
  await get(ask('a'));
  t.equal(rounds.length, 2);
});

t.test('the least recently used key makes room, and is wiped', async (t) => {
  const { get, rounds } = cached(t);
  const made = recordedSecrets(t);
  for (const id of ['a', 'b', 'c']) (await get(ask(id))).key.dispose();
  (await get(ask('a'))).key.dispose();
  (await get(ask('d'))).key.dispose();
  t.equal(made.filter(({ disposed }) => !disposed).length, 3, 'three are held, as was set');
  for (const id of ['a', 'c', 'd']) t.match(await get(ask(id)), { source: 'cache' });
  t.match(await get(ask('b')), { source: 'stored' });
  t.equal(rounds.length, 5);
});

t.test(
  'a get without a version follows a rotation by another process when the time is over, others do not care',
  async (t) => {
    const { clock, get } = cached(t);
    await get(ask('a'), { version: 1 });
    await clock.advance(TTL - 1);
    t.match(await get(ask('a', { version: 2 }), { version: 2 }), { source: 'stored' });
    t.match(await get(ask('a')), { version: 1, source: 'cache' });
    await clock.advance(1);
    t.match(await get(ask('a'), { version: 2 }), { version: 2, source: 'stored' });
    t.match(await get(ask('a')), { version: 2, source: 'cache' });
  },
);

t.test('that somebody gets a version again does not make it the newest again', async (t) => {
  const { clock, get } = cached(t);
  await get(ask('a'), { version: 1 });
  await clock.advance(TTL);
  await get(ask('a', { version: 1 }));
  t.match(await get(ask('a'), { version: 2 }), { version: 2, source: 'stored' });
  const away = cached(t, { offlineMs: OFFLINE });
  await away.get(ask('a'), { version: 1 });
  await away.clock.advance(TTL);
  await away.get(ask('a', { version: 1 }));
  const late = await away.get(ask('a'), { fails: 'kms-unreachable' });
  t.match(late, { version: 1, source: 'cache' }, 'nor that it is forgotten which one is');
});

t.test('a key that is asked for again takes the place of the one before, which is wiped', async (t) => {
  const { clock, get } = cached(t);
  const made = recordedSecrets(t);
  (await get(ask('a'))).key.dispose();
  await clock.advance(TTL);
  (await get(ask('a'))).key.dispose();
  t.equal(made.filter(({ disposed }) => !disposed).length, 1);
});

t.test('a late answer about the past does not undo a newer one', async (t) => {
  const { cache, clock, rounds, get } = cached(t);
  const old = cache.get(ask('a'), call);
  await clock.advance(1);
  const young = cache.get(ask('a'), call);
  rounds[1]?.answer({ version: 2 });
  t.match(await young, { version: 2 });
  rounds[0]?.answer({ version: 1 });
  t.match(await old, { version: 1 });
  t.match(await get(ask('a')), { version: 2, source: 'cache' });
});

t.test(
  'a change by this process counts at once, also when it failed, and an answer from before it is not kept',
  async (t) => {
    const changes: ((dataKeys: DataKeys) => Promise<unknown>)[] = [
      (dataKeys) => dataKeys.rotate('a', call),
      (dataKeys) => dataKeys.rewrap('a', call),
      (dataKeys) => dataKeys.delete('a', 'etag', call),
      (dataKeys) => dataKeys.restore('a', call),
    ];
    for (const change of changes) {
      const { cache, rounds, get } = cached(t);
      await get(ask('a'));
      const made = recordedSecrets(t);
      const during = cache.get(ask('b'), call);
      await change(cache);
      rounds[1]?.answer();
      (await during).key.dispose();
      t.ok(made.every(({ disposed }) => disposed));
      t.match(await get(ask('a')), { source: 'stored' });
      t.match(await get(ask('b')), { source: 'stored' });
    }
    const { dataKeys, rounds } = scriptedDataKeys();
    const rotate = () => Promise.reject(new KeysteadError('store-timeout', 'no answer'));
    const cache = cachedDataKeys({ ...dataKeys, rotate }, { ttlMs: TTL, maxKeys: 3, offlineMs: 0 }, new FakeClock());
    t.teardown(() => cache.close());
    const first = cache.get(ask('a'), call);
    rounds[0]?.answer();
    await first;
    await t.rejects(cache.rotate('a', call), failure('store-timeout'));
    void cache.get(ask('a'), call);
    t.equal(rounds.length, 2);
  },
);

const AWAY: readonly Reason[] = [
  'kms-unreachable',
  'kms-timeout',
  'store-unreachable',
  'store-timeout',
  'provider-throttled',
  'upstream-busy',
];

t.test('while KMS or store is away, an expired key is served for the declared window, and not longer', async (t) => {
  for (const fails of AWAY) {
    const { clock, get } = cached(t, { offlineMs: OFFLINE });
    await get(ask('a'));
    await clock.advance(TTL + OFFLINE - 1);
    t.match(await get(ask('a'), { fails }), { version: 1, created: false, source: 'cache' }, fails);
    await t.rejects(get(ask('b'), { fails }), failure(fails));
    await clock.advance(1);
    await t.rejects(get(ask('a'), { fails }), failure(fails));
  }
  const { clock, get } = cached(t);
  await get(ask('a'));
  await clock.advance(TTL);
  await t.rejects(get(ask('a'), { fails: 'kms-unreachable' }), failure('kms-unreachable'), 'no window, no late key');
});

t.test('one who found them away spares the next ones the waiting, for a second', async (t) => {
  const { clock, rounds, get } = cached(t, { offlineMs: OFFLINE });
  await get(ask('a'));
  await clock.advance(TTL);
  await get(ask('a'), { fails: 'kms-timeout' });
  await clock.advance(999);
  t.match(await get(ask('a')), { source: 'cache' });
  t.equal(rounds.length, 2);
  await clock.advance(1);
  t.match(await get(ask('a')), { source: 'stored' });
});

t.test('a key that is refused is not served late', async (t) => {
  const refusals: readonly Reason[] = [
    'key-stopped',
    'key-pending-deletion',
    'provider-denied',
    'credentials-expired',
    'no-data-key',
    'pending-deletion',
    'record-corrupt',
    'context-mismatch',
  ];
  for (const fails of refusals) {
    const { clock, get } = cached(t, { offlineMs: OFFLINE });
    await get(ask('a'));
    await clock.advance(TTL);
    const made = recordedSecrets(t);
    await t.rejects(get(ask('a'), { fails }), failure(fails));
    await t.rejects(get(ask('a'), { fails: 'kms-unreachable' }), failure('kms-unreachable'), fails);
    t.ok(made.every(({ disposed }) => disposed));
  }
  const { clock, get } = cached(t, { offlineMs: OFFLINE });
  await get(ask('a'));
  await clock.advance(TTL);
  const wrong: readonly [Partial<GetDataKey>, Reason][] = [
    [{ length: 64 }, 'length-mismatch'],
    [{ version: 9 }, 'no-version'],
  ];
  for (const [over, fails] of wrong) await t.rejects(get(ask('a', over), { fails }), failure(fails));
  t.match(await get(ask('a'), { fails: 'kms-unreachable' }), { source: 'cache' }, 'a wrong request refuses no key');
});

t.test('closing wipes everything and keeps nothing that comes later', async (t) => {
  const { cache, clock, rounds, get } = cached(t);
  const made = recordedSecrets(t);
  (await get(ask('a'))).key.dispose();
  const late = cache.get(ask('b'), call);
  cache.close();
  rounds[1]?.answer();
  (await late).key.dispose();
  t.ok(made.every(({ disposed }) => disposed));
  t.equal(clock.sleepers, 0);
});
