import t from 'tap';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { PROBE_NAME, proveConditionalCreate } from '../../src/core/store-check.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { failure } from '../support/failure.ts';
import { type Fault, faultyStore } from '../support/faulty-store.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const onCreate = (fault: Fault, from = 1) =>
  faultyStore(memoryStore(), (operation, n) => (operation === 'create' && n >= from ? fault : undefined));
const probe = async (store: WrappedKeyStore) =>
  Buffer.from((await store.read(PROBE_NAME, call))?.bytes ?? []).toString();

t.test('a store that keeps its promise passes, and keeps one record of it that never changes', async (t) => {
  const store = memoryStore();
  await proveConditionalCreate(store, call);
  const record = await probe(store);
  await proveConditionalCreate(store, call);
  t.equal(await probe(store), record);
  t.same((await store.list('', undefined, 10, call)).items, [PROBE_NAME]);
});

t.test('a store that overwrites is refused, whatever it says of it', async (t) => {
  await t.rejects(proveConditionalCreate(onCreate('overwrites'), call), failure('not-supported', /overwrites/));
  const silent = onCreate('overwrites');
  const denies = {
    ...silent,
    create: async (...args: Parameters<WrappedKeyStore['create']>) => !(await silent.create(...args)),
  };
  await t.rejects(proveConditionalCreate(denies, call), failure('not-supported', /overwrites/));
});

t.test('so is a store that says "created" for a record that was there', async (t) => {
  await t.rejects(proveConditionalCreate(onCreate('pretends', 2), call), failure('not-supported', /overwrites/));
});

t.test('and one that does not show what it created', async (t) => {
  await t.rejects(proveConditionalCreate(onCreate('pretends'), call), failure('not-supported', /does not show/));
  const loses = faultyStore(memoryStore(), (operation, n) => (operation === 'read' && n === 3 ? 'forgets' : undefined));
  await t.rejects(proveConditionalCreate(loses, call), failure('not-supported'));
});

t.test('a probe that somebody else has written is as good as our own', async (t) => {
  for (const content of ['', 'something else', '{"keystead-probe":41}', `{"keystead-probe":${'9'.repeat(15)}}`]) {
    const store = memoryStore();
    await store.create(PROBE_NAME, Buffer.from(content), call);
    await proveConditionalCreate(store, call);
    t.equal(await probe(store), content);
    const overwriting = faultyStore(store, (operation) => (operation === 'create' ? 'overwrites' : undefined));
    const denies = {
      ...overwriting,
      create: async (...args: Parameters<WrappedKeyStore['create']>) => !(await overwriting.create(...args)),
    };
    await t.rejects(proveConditionalCreate(denies, call), failure('not-supported'));
  }
});

t.test('a store that cannot be asked is not refused, but fails as it fails', async (t) => {
  await t.rejects(proveConditionalCreate(onCreate('fails'), call), failure('store-unreachable'));
});
