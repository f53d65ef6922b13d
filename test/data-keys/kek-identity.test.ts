import t from 'tap';
import type { Call } from '../../src/core/call.ts';
import type { KekInfo } from '../../src/core/kek.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { assertKekIdentity, KEK_RECORD_NAME } from '../../src/data-keys/kek-identity.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { sealedClusterKek, secretOf } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const a = { uri: 'kms://cluster-kms', fingerprint: 'a'.repeat(32) };
const b = { uri: 'kms://cluster-kms', fingerprint: 'b'.repeat(32) };
const open = (store: WrappedKeyStore = memoryStore()) => ({ store, clock: new FakeClock() });

t.test('the first KEK that comes to an empty store becomes its own, and stays it', async (t) => {
  const deps = open();
  await assertKekIdentity(deps, a, call);
  await assertKekIdentity(deps, a, call);
  const record = await deps.store.read(KEK_RECORD_NAME, call);
  t.same(JSON.parse(Buffer.from(record?.bytes ?? []).toString()), {
    keystead: 1,
    kek: a.uri,
    fingerprint: a.fingerprint,
    createdAt: '2030-01-01T00:00:00.000Z',
  });
});

t.test('another KEK is refused, by its fingerprint or its place, and nothing changes', async (t) => {
  const deps = open();
  await assertKekIdentity(deps, a, call);
  const before = await deps.store.read(KEK_RECORD_NAME, call);
  await t.rejects(assertKekIdentity(deps, b, call), failure('fingerprint-mismatch', /aaa.*bbb/));
  await t.rejects(assertKekIdentity(deps, { ...a, uri: 'kms://aws?keyName=k' }, call), failure('fingerprint-mismatch'));
  t.same(await deps.store.read(KEK_RECORD_NAME, call), before);
});

t.test('of two KEKs that come to an empty store at once, one is taken', async (t) => {
  const deps = open();
  const ends = await Promise.allSettled([a, b, a].map((kek) => assertKekIdentity(deps, kek, call)));
  t.match(ends, [
    { status: 'fulfilled' },
    { status: 'rejected', reason: { reason: 'fingerprint-mismatch' } },
    { status: 'fulfilled' },
  ]);
});

t.test('a record that is damaged, or not shown, lets no KEK in', async (t) => {
  const whole = { keystead: 1, kek: a.uri, fingerprint: a.fingerprint, createdAt: '2030-01-01T00:00:00.000Z' };
  const { createdAt: _, ...undated } = whole;
  const records = [{}, { keystead: 2 }, { ...whole, keystead: 2 }, { ...whole, more: 1 }, undated].map((record) =>
    JSON.stringify(record),
  );
  for (const text of ['', ...records]) {
    const deps = open();
    await deps.store.create(KEK_RECORD_NAME, Buffer.from(text), call);
    await t.rejects(assertKekIdentity(deps, a, call), failure('record-corrupt', /keystead-kek\.json/));
  }
  const blind = faultyStore(memoryStore(), (operation) => (operation === 'read' ? 'forgets' : undefined));
  await t.rejects(assertKekIdentity(open(blind), a, call), failure('store-lagging'));
});

t.test('a call that is over waits for no store', async (t) => {
  const controller = new AbortController();
  const hanging = faultyStore(memoryStore(), () => 'hangs');
  const answer = assertKekIdentity(open(hanging), a, testCall({ signal: controller.signal }));
  controller.abort();
  await t.rejects(answer, failure('client-gone'));
});

t.test('as a condition of bootstrap, it keeps a replica with another KEK sealed', async (t) => {
  const deps = open();
  const accept = (info: KekInfo, with_: Call | undefined) =>
    assertKekIdentity(deps, { uri: 'kms://cluster-kms', fingerprint: info.fingerprint }, with_ ?? call);
  const [one, two] = [sealedClusterKek(t, accept), sealedClusterKek(t, accept)];
  await one.bootstrap(secretOf('m'), secretOf('s'), call);
  await t.rejects(two.bootstrap(secretOf('other'), secretOf('s'), call), failure('fingerprint-mismatch'));
  t.equal(two.info(), undefined);
  t.same(await two.bootstrap(secretOf('m'), secretOf('s'), call), one.info());
});
