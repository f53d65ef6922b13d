import t from 'tap';
import { KeysteadError, type Reason } from '../../src/core/errors.ts';
import { fencedStore } from '../../src/core/fenced-store.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { proveConditionalWrites } from '../../src/core/store-check.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { storeSuite } from '../conformance/store.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type FaultPlan, faultyStore } from '../support/faulty-store.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const PROOF = 600_000;
const record = Uint8Array.of(1);

/** A store whose check can fail, and the names of what reached it. */
function fenced(plan: FaultPlan = () => undefined) {
  const inner = faultyStore(memoryStore(), plan);
  const clock = new FakeClock();
  const asked: string[] = [];
  const state: { fails?: Reason } = {};
  const counted: WrappedKeyStore = {
    ...inner,
    async check(call) {
      asked.push('check');
      if (state.fails !== undefined) throw new KeysteadError(state.fails, 'the check fails');
      await proveConditionalWrites(inner, call);
    },
    create(name, bytes, call) {
      asked.push(`create ${name}`);
      return inner.create(name, bytes, call);
    },
    replace(name, bytes, etag, call) {
      asked.push(`replace ${name}`);
      return inner.replace(name, bytes, etag, call);
    },
    delete(name, etag, call) {
      asked.push(`delete ${name}`);
      return inner.delete(name, etag, call);
    },
  };
  return { asked, clock, inner, state, store: fencedStore(counted, { clock }) };
}

// Its check leaves no record here, so that lists hold what the suite has put there.
storeSuite(t, async () => fencedStore({ ...memoryStore(), check: async () => {} }, { clock: new FakeClock() }));

t.test('nothing is created before the store was proved to obey the condition', async (t) => {
  const { asked, store } = fenced();
  t.equal(await store.create('a', record, call), true);
  t.equal(await store.create('a', record, call), false);
  t.same(asked, ['check', 'create a', 'create a']);
});

t.test('a check that has passed is the proof: the first record costs no other', async (t) => {
  const { asked, store } = fenced();
  await store.check(call);
  await store.create('a', record, call);
  t.same(asked, ['check', 'create a']);
});

t.test('a store that was away at start, and ignores the condition when it comes back, keeps what it has', async (t) => {
  const { asked, state, store } = fenced((operation) => (operation === 'create' ? 'overwrites' : undefined));
  state.fails = 'store-unreachable';
  await t.rejects(store.check(call), failure('store-unreachable'));
  await t.rejects(store.create('a', record, call), failure('store-unreachable'));
  delete state.fails;
  await t.rejects(store.create('a', record, call), failure('not-supported', /overwrites/));
  t.equal(await store.read('a', call), undefined);
  t.notOk(asked.includes('create a'));
});

t.test('nothing is replaced or deleted in a store that ignores a condition, or before it was proved', async (t) => {
  const good = fenced();
  const etagOf = async ({ inner }: { inner: WrappedKeyStore }) => (await inner.read('a', call))?.etag ?? '';
  await good.inner.create('a', record, call);
  await good.store.replace('a', record, await etagOf(good), call);
  await good.clock.advance(PROOF);
  await good.store.delete('a', await etagOf(good), call);
  t.same(good.asked, ['check', 'replace a', 'check', 'delete a']);
  const blind = fenced((operation) => (operation === 'replace' ? 'overwrites' : undefined));
  await blind.inner.create('a', record, call);
  const etag = await etagOf(blind);
  await t.rejects(blind.store.replace('a', record, etag, call), failure('not-supported', /replaces/));
  await t.rejects(blind.store.delete('a', etag, call), failure('not-supported', /replaces/));
  await t.rejects(blind.store.create('b', record, call), failure('not-supported', /replaces/));
  t.same(blind.asked, ['check', 'check', 'check']);
});

t.test('the proof is made again when it is old, and when the clock was set back', async (t) => {
  const { asked, clock, store } = fenced();
  await store.create('a', record, call);
  await clock.advance(PROOF - 1);
  await store.create('b', record, call);
  await clock.advance(1);
  await store.create('c', record, call);
  await clock.advance(-2);
  await store.create('d', record, call);
  t.same(asked, ['check', 'create a', 'create b', 'check', 'create c', 'check', 'create d']);
});

t.test('a check that finds the store out closes the fence; one that finds it away does not', async (t) => {
  const { asked, state, store } = fenced();
  await store.create('a', record, call);
  state.fails = 'store-unreachable';
  await t.rejects(store.check(call), failure('store-unreachable'));
  await store.create('b', record, call);
  state.fails = 'not-supported';
  await t.rejects(store.check(call), failure('not-supported'));
  await t.rejects(store.create('c', record, call), failure('not-supported'));
  t.equal(asked.includes('create c'), false);
});

t.test('one check is the proof for all who wait, and where it fails each makes their own', async (t) => {
  const many = fenced();
  await Promise.all(Array.from({ length: 5 }, (_, n) => many.store.create(`${n}`, record, call)));
  t.equal(many.asked.filter((what) => what === 'check').length, 1);
  const away = fenced();
  away.state.fails = 'store-unreachable';
  const ends = await Promise.allSettled([1, 2].map((n) => away.store.create(`${n}`, record, call)));
  t.same(
    ends.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  t.equal(away.asked.length, 2);
});
