import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { PROBE_NAME, proveConditionalWrites } from '../../src/core/store-check.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { failure } from '../support/failure.ts';
import { type Fault, faultyStore, type StoreOperation } from '../support/faulty-store.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const on = (wrong: StoreOperation, fault: Fault, from = 1, inner = memoryStore()) =>
  faultyStore(inner, (operation, n) => (operation === wrong && n >= from ? fault : undefined));
const probe = async (store: WrappedKeyStore) =>
  Buffer.from((await store.read(PROBE_NAME, call))?.bytes ?? []).toString();

t.test('a store that keeps its promises passes, and keeps one record of it that never changes again', async (t) => {
  const store = memoryStore();
  await proveConditionalWrites(store, call);
  const record = await probe(store);
  const { calls, ...counted } = faultyStore(store, () => undefined);
  await proveConditionalWrites(counted, call);
  t.same(calls, ['read', 'create', 'replace', 'read']);
  t.equal(await probe(store), record);
  t.same((await store.list('', undefined, 10, call)).items, [PROBE_NAME]);
});

t.test('a store that overwrites is refused, whatever it says of it', async (t) => {
  for (const fault of ['overwrites', 'denies'] as const) {
    for (const proved of [false, true]) {
      const inner = memoryStore();
      if (proved) await proveConditionalWrites(inner, call);
      const store = on('create', fault, 1, inner);
      await t.rejects(proveConditionalWrites(store, call), failure('not-supported', /overwrites/), fault);
      await t.rejects(proveConditionalWrites(store, call), failure('not-supported', /overwrites/), 'and again');
    }
  }
});

t.test('so is one that replaces what has changed, whatever it says of it', async (t) => {
  for (const fault of ['overwrites', 'denies'] as const) {
    for (const proved of [false, true]) {
      const inner = memoryStore();
      if (proved) await proveConditionalWrites(inner, call);
      const store = on('replace', fault, 1, inner);
      await t.rejects(proveConditionalWrites(store, call), failure('not-supported', /replaces/), fault);
      await t.rejects(proveConditionalWrites(store, call), failure('not-supported', /replaces/), 'and again');
    }
  }
});

t.test('so is a store that says "created" for a record that was there', async (t) => {
  await t.rejects(proveConditionalWrites(on('create', 'pretends', 2), call), failure('not-supported', /overwrites/));
});

t.test('and one that does not show what it created', async (t) => {
  await t.rejects(proveConditionalWrites(on('create', 'pretends'), call), failure('not-supported', /does not show/));
  await t.rejects(proveConditionalWrites(on('read', 'forgets', 4), call), failure('not-supported'));
});

t.test('a store that shows what was for a while fails for a while', async (t) => {
  const store = memoryStore();
  await store.create(PROBE_NAME, Buffer.from('{"keystead-probe":1}'), call);
  const old = await store.read(PROBE_NAME, call);
  const lagging = { ...store, read: async () => old };
  await t.rejects(proveConditionalWrites(lagging, call), failure('store-lagging'));
  await proveConditionalWrites(store, call);
});

t.test('what somebody else has there is never written over', async (t) => {
  const dataKey = JSON.stringify({ keystead: 1, id: 'keystead-probe', versions: [{ version: 1 }] });
  for (const content of ['', 'something else', '{"keystead-probe":', '[]', dataKey]) {
    const store = memoryStore();
    await store.create(PROBE_NAME, Buffer.from(content), call);
    await t.rejects(proveConditionalWrites(store, call), failure('record-corrupt', /delete it.*another prefix/));
    t.equal(await probe(store), content);
  }
});

t.test('a probe of an earlier form, or of another kind of store, is made one of ours', async (t) => {
  const ofAnother = JSON.stringify({ 'keystead-probe': 2, store: 'storage://aws', staleEtag: '"a"', nonce: 'b' });
  const first = JSON.stringify({ 'keystead-probe': 2, store: 'storage://memory', nonce: 'b' });
  for (const content of ['{"keystead-probe":41}', ofAnother, first]) {
    for (const [operation, fault] of [
      ['create', 'denies'],
      ['replace', 'overwrites'],
      ['replace', 'denies'],
    ] as const) {
      const store = memoryStore();
      await store.create(PROBE_NAME, Buffer.from(content), call);
      await t.rejects(proveConditionalWrites(on(operation, fault, 1, store), call), failure('not-supported'));
      await proveConditionalWrites(store, call);
      t.match(JSON.parse(await probe(store)), { 'keystead-probe': 2, store: 'storage://memory' });
    }
  }
});

t.test('a probe that names its own etag as a stale one does not accuse the store', async (t) => {
  const store = memoryStore();
  const content = JSON.stringify({ 'keystead-probe': 2, store: 'storage://memory', staleEtag: '1', nonce: 'b' });
  await store.create(PROBE_NAME, Buffer.from(content), call);
  t.equal((await store.read(PROBE_NAME, call))?.etag, '1');
  await proveConditionalWrites(store, call);
});

t.test('many who prove at once, the first time and later, disturb nobody', async (t) => {
  const store = memoryStore();
  for (let round = 0; round < 3; round++) {
    const proofs = Array.from({ length: 20 }, () => proveConditionalWrites(store, call));
    await t.resolves(Promise.all(proofs));
  }
});

t.test('who may create and not replace passes, and the create is proved all the same', async (t) => {
  const denied = async () => {
    throw new KeysteadError('provider-denied', 'may not replace');
  };
  for (const proved of [false, true]) {
    const inner = memoryStore();
    if (proved) await proveConditionalWrites(inner, call);
    await proveConditionalWrites({ ...inner, replace: denied }, call);
    const blind = { ...on('create', 'denies', 1, inner), replace: denied };
    await t.rejects(proveConditionalWrites(blind, call), failure('not-supported', /overwrites/));
  }
});

t.test('a store that cannot be asked is not refused, but fails as it fails', async (t) => {
  for (const operation of ['read', 'create', 'replace'] as const) {
    await t.rejects(proveConditionalWrites(on(operation, 'fails'), call), failure('store-unreachable'), operation);
  }
});
