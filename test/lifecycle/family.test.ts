import t from 'tap';
import type { KeySpec } from '../../src/core/key-admin.ts';
import type { Declaration } from '../../src/lifecycle/declaration.ts';
import { Family, type FamilyOptions } from '../../src/lifecycle/family.ts';
import { memoryKeyAdmin } from '../../src/providers/memory/key-admin.ts';
import { failure } from '../support/failure.ts';
import { testAmbient, testCall } from '../support/services.ts';

const call = testCall();
const { clock } = testAmbient({ clock: { now: () => new Date(), sleep: async () => {} } });
const options: FamilyOptions = { clock, wait: true, timeoutS: 60, restore: false, marks: true, cascade: false };

const declared = (
  name: string,
  parents: string[] = [],
  spec: KeySpec = {},
  over: Partial<Declaration> = {},
): Declaration => ({
  id: `kms_key:${name}`,
  uri: { scheme: 'kms', provider: 'aws', keyName: `alias/${name}` },
  name: `alias/${name}`,
  wanted: undefined,
  spec,
  deletionDays: 30,
  keepsOnTermination: false,
  keepsOnUpdate: false,
  parents: parents.map((parent) => `kms_key:${parent}`),
  particle: true,
  ...over,
});

function family(...declarations: Declaration[]) {
  const admin = memoryKeyAdmin({ clock });
  const members = new Family(declarations, async () => admin);
  const state = async (name: string) => (await admin.find(`alias/${name}`, [], call))?.state ?? 'terminated';
  const names = async (...given: Parameters<Family['apply']>) =>
    (await members.apply(...given)).map(({ declaration }) => declaration.name);
  return { admin, members, state, names };
}

t.test('parents run first, and a wish does not spread to them', async (t) => {
  const { names, state } = family(declared('p'), declared('c', ['p']));
  t.same(await names('kms_key:c', 'running', options, call), ['alias/p', 'alias/c']);
  t.same(await names('kms_key:c', 'terminated', options, call), ['alias/c']);
  t.same([await state('p'), await state('c')], ['running', 'terminated']);
});

t.test('a parent that is wanted otherwise is left as it is', async (t) => {
  const { names, state } = family(declared('p', [], {}, { wanted: 'stopped' }), declared('c', ['p']));
  t.same(await names('kms_key:c', 'running', options, call), ['alias/c']);
  t.equal(await state('p'), 'terminated');
});

t.test('a parent with a child that lives is terminated with it only, the child first', async (t) => {
  const { names, state } = family(declared('p'), declared('c', ['p']));
  await names('kms_key:c', 'running', options, call);
  await t.rejects(names('kms_key:p', 'terminated', options, call), failure('needs-confirmation', /kms_key:c/));
  t.equal(await state('p'), 'running');
  t.same(await names('kms_key:p', 'terminated', { ...options, cascade: true }, call), ['alias/c', 'alias/p']);
  t.same([await state('p'), await state('c')], ['terminated', 'terminated']);
});

t.test('a child that is protected stays', async (t) => {
  const { names, state } = family(declared('p'), declared('c', ['p'], {}, { keepsOnTermination: true }));
  await names('kms_key:c', 'running', options, call);
  await names('kms_key:p', 'terminated', { ...options, cascade: true }, call);
  t.same([await state('p'), await state('c')], ['terminated', 'running']);
});

t.test('values come from the parent’s key', async (t) => {
  const spec = { description: '$inherit$kms_key:p$KeyId', tags: { team: '$inherit$kms_key:p$Tags.team' } };
  const { members, admin } = family(declared('p', [], { tags: { team: 'web' } }), declared('c', ['p'], spec));
  const planned: string[] = [];
  const early = await members.resolved(declared('c', ['p'], spec), call, (what) => planned.push(what));
  t.same([early.spec, planned.length], [{ tags: {} }, 2]);
  await members.apply('kms_key:c', 'running', options, call);
  const parent = await admin.find('alias/p', [], call);
  t.match(await admin.find('alias/c', ['tags'], call), { description: parent?.id, tags: { team: 'web' } });
});

t.test('what cannot be inherited is refused', async (t) => {
  for (const [reference, message] of [
    ['$inherit$kms_key:other$KeyId', /is no parent/],
    ['$inherit$kms_key:p$CustomKeyStoreId', /is empty/],
    ['$inherit$kms_key:p$KeyId.more', /is empty/],
  ] as const) {
    const { members } = family(declared('p'), declared('c', ['p'], { description: reference }));
    await t.rejects(members.apply('kms_key:c', 'running', options, call), failure('bad-declaration', message));
  }
});

t.test('relatives that are missing, doubles and circles are refused', async (t) => {
  const of =
    (...all: Declaration[]) =>
    () =>
      family(...all);
  t.throws(of(declared('c', ['nobody'])), failure('bad-declaration', /kms_key:nobody is not declared/));
  t.throws(of(declared('c'), declared('c')), failure('bad-declaration', /twice/));
  t.throws(of(declared('a', ['b']), declared('b', ['a'])), failure('bad-declaration', /parent of itself/));
  const { members } = family(declared('a'));
  await t.rejects(members.apply('kms_key:b', 'running', options, call), failure('bad-declaration'));
});
