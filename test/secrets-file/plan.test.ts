import fc from 'fast-check';
import t from 'tap';
import { PARAMETER_ASPECTS, type StoredParameter } from '../../src/core/parameters.ts';
import { memoryParameters } from '../../src/providers/memory/parameters.ts';
import { planOf, type WantedParameter } from '../../src/secrets-file/plan.ts';
import { secretText } from '../../src/secrets-file/values.ts';
import { holds } from '../support/property.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const keeps = new Set(PARAMETER_ASPECTS);

function want(name: string, value: string, more: Partial<StoredParameter> = {}): WantedParameter {
  return { name, place: `/${name}`, parameter: { value: secretText(value), type: 'String', description: '', ...more } };
}

function there(...wanted: WantedParameter[]): Map<string, StoredParameter> {
  return new Map(wanted.map(({ place, parameter }) => [place, parameter]));
}

const brief = (steps: ReturnType<typeof planOf>) =>
  steps.map(({ action, place, differs }) => [action, place, ...differs]);

t.test('only what differs is a step, and it says what differs', async (t) => {
  const plan = planOf(
    [
      want('new', 'x'),
      want('same', 'x'),
      want('value', 'y'),
      want('type', 'x', { type: 'StringList' }),
      want('text', 'x', { description: 'd' }),
    ],
    there(want('same', 'x'), want('value', 'x'), want('type', 'x'), want('text', 'x')),
    keeps,
    false,
  );
  t.same(brief(plan), [
    ['create', '/new'],
    ['update', '/value', 'value'],
    ['update', '/type', 'type'],
    ['update', '/text', 'description'],
  ]);
});

t.test('a key by its alias, its id or its ARN is the same key', async (t) => {
  const secret = (key?: string) => want('a', 'x', { type: 'SecureString', ...(key === undefined ? {} : { key }) });
  const arn = 'arn:aws:kms:eu-west-1:123456789012:key/5a3d1c90-1111-4aaa-8bbb-000000000001';
  const same = [
    ['alias/a', 'alias/a'],
    ['alias/a', 'arn:aws:kms:eu-west-1:123456789012:alias/a'],
    ['5a3d1c90-1111-4aaa-8bbb-000000000001', arn],
  ] as const;
  for (const [wanted, found] of same) t.same(planOf([secret(wanted)], there(secret(found)), keeps, false), []);
  t.same(brief(planOf([secret('alias/a')], there(secret('alias/b')), keeps, false)), [['update', '/a', 'key']]);
});

t.test('the tier that AWS chose is no difference where the file leaves it to AWS', async (t) => {
  const tier = (tier: string) => want('a', 'x', { tier });
  for (const found of ['Standard', 'Advanced']) {
    t.same(planOf([tier('Intelligent-Tiering')], there(tier(found)), keeps, false), []);
  }
  t.same(brief(planOf([tier('Advanced')], there(tier('Standard')), keeps, false)), [['update', '/a', 'tier']]);
});

t.test('a label alone makes no new version', async (t) => {
  const labels = (...labels: string[]) => want('a', 'x', { labels, tags: new Map([['t', '1']]) });
  const plan = planOf([labels('new', 'old')], there(labels('old')), keeps, false);
  t.same(brief(plan), [['tag', '/a', 'labels']]);
  t.match(plan[0]?.change, { kind: 'tag', set: new Map(), remove: [], labels: ['new', 'old'] });
  t.same(planOf([labels('old')], there(labels('new', 'old')), keeps, false), []);
});

t.test('tags that the file has not go only where that is asked for', async (t) => {
  const tags = (...names: string[]) => ({ tags: new Map(names.map((name) => [name, '1'])) });
  const [wanted, found] = [want('a', 'x', tags('b')), there(want('a', 'x', tags('b', 'c')))];
  t.same(planOf([wanted], found, keeps, false), []);
  t.match(planOf([wanted], found, keeps, true), [{ action: 'tag', change: { kind: 'tag', remove: ['c'] } }]);
  const both = planOf([want('a', 'y', tags('b'))], found, keeps, true);
  t.same(brief(both), [
    ['update', '/a', 'value', 'tags'],
    ['tag', '/a', 'tags'],
  ]);
});

t.test('policies are compared as JSON, and only where the file has some', async (t) => {
  const policies = (text: string) => want('a', 'x', { policies: text });
  t.same(
    planOf([policies('[{"Type":"E","Version":"1"}]')], there(policies('[{"Version":"1", "Type":"E"}]')), keeps, false),
    [],
  );
  t.same(planOf([want('a', 'x')], there(policies('[{}]')), keeps, false), []);
  t.same(brief(planOf([policies('[{}]')], there(want('a', 'x')), keeps, false)), [['update', '/a', 'policies']]);
});

t.test('whatever was there, a plan that was carried out leaves nothing to do', async (t) => {
  const parameter = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    value: fc.constantFrom('x', 'y', 'xx'),
    more: fc.record({
      type: fc.constantFrom('String' as const, 'SecureString' as const),
      description: fc.constantFrom('', 'd'),
      tags: fc.constantFrom(new Map(), new Map([['t', '1']]), new Map([['u', '1']])),
    }),
  });
  const file = fc.uniqueArray(parameter, { selector: ({ name }) => name });
  await holds(
    t,
    fc.asyncProperty(file, file, async (before, after) => {
      const store = memoryParameters();
      const wantedOf = (list: typeof before) => list.map(({ name, value, more }) => want(name, value, more));
      for (const wanted of [wantedOf(before), wantedOf(after)]) {
        const places = wanted.map(({ place }) => place);
        const plan = planOf(wanted, await store.read(places, keeps, call), keeps, true);
        await store.apply(
          plan.map(({ change }) => change),
          call,
        );
        if (planOf(wanted, await store.read(places, keeps, call), keeps, true).length > 0) return false;
      }
      return true;
    }),
  );
});
