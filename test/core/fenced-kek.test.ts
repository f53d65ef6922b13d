import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { dataKeyContext } from '../../src/core/context.ts';
import type { Reason } from '../../src/core/errors.ts';
import { fencedKek } from '../../src/core/fenced-kek.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { kekSuite } from '../conformance/kek.ts';
import { openClusterKek } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeKek } from '../support/fake-kek.ts';
import { recordedSecrets } from '../support/recorded-secrets.ts';
import { testAmbient, testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';

const call = testCall();
const { random } = testAmbient();
const context = dataKeyContext('a', 1, 32);
const ask = (id: string) => ({ id, length: 32, create: 'if-missing' }) as const;
const PROOF = 30_000;

function fenced() {
  const inner = new FakeKek();
  const clock = new FakeClock();
  const kek = fencedKek(inner, { random, clock, proofMs: PROOF });
  const key = SecretBytes.own(new Uint8Array(32).fill(1));
  return { inner, clock, kek, key, wrap: () => kek.wrap(key, context, call) };
}

kekSuite(t, async (t) => {
  const deps = { random, clock: new FakeClock() };
  return { kek: fencedKek(await openClusterKek(t, 'a'), deps), other: fencedKek(await openClusterKek(t, 'b'), deps) };
});

t.test('the first key is unwrapped again before it is given out wrapped, the next ones are not', async (t) => {
  const { inner, wrap } = fenced();
  const made = recordedSecrets(t);
  await wrap();
  await wrap();
  t.same(inner.calls, ['wrap', 'unwrap', 'wrap']);
  t.ok(made.every(({ disposed }) => disposed));
});

t.test('a KEK that cannot unwrap gives the error of that, and nothing is stored', async (t) => {
  const reasons: Reason[] = ['provider-denied', 'key-stopped', 'key-pending-deletion', 'kms-unreachable', 'unexpected'];
  for (const reason of reasons) {
    const { inner, kek } = fenced();
    const store = memoryStore();
    const { dataKeys } = await storedHouse(t, { kek, store });
    inner.fails = { unwrap: reason };
    for (let n = 0; n < 2; n++) await t.rejects(dataKeys.get(ask('a'), call), failure(reason, /fails to unwrap/));
    t.same((await store.list('', undefined, 10, call)).items, []);
    inner.fails = {};
    t.match(await dataKeys.get(ask('a'), call), { created: true }, 'and it goes on when that is mended');
  }
});

t.test('also one that stops to unwrap later: the first failure closes the fence', async (t) => {
  const { inner, kek, wrap } = fenced();
  const wrapped = await wrap();
  inner.fails = { unwrap: 'provider-denied' };
  await t.rejects(kek.unwrap(wrapped, context, call), failure('provider-denied'));
  await t.rejects(wrap(), failure('provider-denied'));
});

t.test('what cannot be unwrapped because of itself, or of who waited, accuses nobody', async (t) => {
  for (const reason of ['context-mismatch', 'record-corrupt', 'client-gone', 'timeout', 'upstream-busy'] as const) {
    const { inner, kek, wrap } = fenced();
    const wrapped = await wrap();
    inner.fails = { unwrap: reason };
    await t.rejects(kek.unwrap(wrapped, context, call), failure(reason));
    await t.resolves(wrap(), reason);
  }
});

t.test('a proof grows old, and every unwrap by the version that wraps renews it', async (t) => {
  const { inner, clock, kek, wrap } = fenced();
  const wrapped = await wrap();
  await clock.advance(PROOF - 1);
  await kek.unwrap(wrapped, context, call);
  await clock.advance(PROOF - 1);
  await wrap();
  t.equal(inner.count('unwrap'), 2);
  await clock.advance(1);
  await wrap();
  t.equal(inner.count('unwrap'), 3);
});

t.test('a new version of the KEK has to prove itself, and an old one does not speak for it', async (t) => {
  const { inner, clock, kek, wrap } = fenced();
  const old = await wrap();
  inner.version = '2';
  await wrap();
  await kek.unwrap(old, context, call);
  await wrap();
  t.equal(inner.count('unwrap'), 3, 'two proofs, and the one that was asked for');
  await clock.advance(PROOF - 1);
  await kek.unwrap(old, context, call);
  await clock.advance(1);
  inner.fails = { unwrap: 'key-stopped' };
  await t.rejects(wrap(), failure('key-stopped'));
});

t.test('an unwrap that began before a failure proves nothing after it', async (t) => {
  const { inner, kek, wrap } = fenced();
  const wrapped = await wrap();
  const gates: (() => void)[] = [];
  inner.gate = () => new Promise((resolve) => gates.push(resolve));
  const slow = kek.unwrap(wrapped, context, call);
  await turn();
  inner.gate = async () => {};
  inner.fails = { unwrap: 'provider-denied' };
  await t.rejects(kek.unwrap(wrapped, context, call), failure('provider-denied'));
  inner.fails = {};
  gates[0]?.();
  await slow;
  const before = inner.count('unwrap');
  await wrap();
  t.equal(inner.count('unwrap'), before + 1);
});

t.test('many first keys at once cost one proof', async (t) => {
  const { inner, wrap } = fenced();
  await Promise.all(Array.from({ length: 20 }, wrap));
  t.same([inner.count('wrap'), inner.count('unwrap')], [20, 1]);
});

t.test('where one proof fails, nobody is let through by it', async (t) => {
  const { inner, wrap } = fenced();
  inner.fails = { unwrap: 'kms-timeout' };
  const ends = await Promise.allSettled(Array.from({ length: 5 }, wrap));
  t.ok(ends.every(({ status }) => status === 'rejected'));
});

t.test('a KEK that unwraps other bytes than were wrapped is found', async (t) => {
  const { inner, wrap } = fenced();
  inner.lies = true;
  await t.rejects(wrap(), failure('kms-bad-answer', /other bytes/));
  await t.rejects(wrap(), failure('kms-bad-answer'));
});

t.test('a check proves it ahead of the first key, and does not when it is known', async (t) => {
  const { inner, kek, wrap } = fenced();
  await kek.check(call);
  await wrap();
  await kek.check(call);
  t.same(inner.calls, ['check', 'wrap', 'unwrap', 'wrap', 'check']);
  inner.fails = { check: 'no-kek' };
  await t.rejects(kek.check(call), failure('no-kek'));
});
