import t from 'tap';
import { emptyPolicy } from '../../src/policy/compile.ts';
import { Refusals } from '../../src/policy/refusals.ts';
import { policyOfYaml, request } from './support/documents.ts';

const policy = emptyPolicy();

t.test('the oldest refusals are forgotten first, by number and by size', async (t) => {
  const few = new Refusals({ most: 2 });
  for (const id of ['a', 'b', 'c']) few.keep(request(), id, policy);
  t.equal(few.size, 2);
  t.same(few.explain('a', policy), []);
  t.equal(few.explain('c', policy).length, 1);

  const small = new Refusals({ mostUnits: 5000 });
  for (const id of ['a', 'b', 'c']) small.keep(request({ resource: 'x'.repeat(2000) }), id, policy);
  t.equal(small.size, 2);
  small.keep(request({ resource: 'x'.repeat(10_000) }), 'd', policy);
  t.equal(small.size, 0, 'one that is larger than all there is room for is not kept');
});

t.test('an audit id may have several refusals, of which the last hundred are told', async (t) => {
  const refusals = new Refusals();
  for (let n = 0; n < 150; n++) refusals.keep(request({ resource: `r${n}` }), 'id', policy);
  const found = refusals.explain('id', policy);
  t.equal(found.length, 100);
  t.equal(found.at(-1)?.resource, 'r149');
});

t.test('a policy that many came after is not kept for old refusals; the present one explains them', async (t) => {
  const refusals = new Refusals();
  const rule = (n: number) =>
    `{name: p${n}, effect: allow, subjects: [{kind: oidc}], actions: [kek.seal], resources: [x]}`;
  const policies = [0, 1, 2, 3, 4].map((n) => policyOfYaml(`{version: 1, rules: [${rule(n)}]}`));
  for (const [n, each] of policies.entries()) refusals.keep(request(), `id${n}`, each);
  const told = (id: string) =>
    refusals.explain(id, policy).map(({ original, tried }) => ({ original, rules: tried.map(({ rule }) => rule) }));
  t.same(told('id0'), [{ original: false, rules: [] }]);
  t.same(told('id1'), [{ original: true, rules: ['p1'] }]);
});

t.test('what is kept tells all of the request but nothing that is not asked for', async (t) => {
  const refusals = new Refusals();
  refusals.keep(request({ scope: 'prefix', action: 'data-key.list' }), 'abcdef0123', policy);
  t.match(refusals.explain('abcdef0123', policy), [
    {
      time: new Date('2026-11-23T09:30:00Z'),
      principal: { name: 'system:serviceaccount:team-a:csi' },
      action: 'data-key.list',
      resource: 'team-a/volume-1',
      scope: 'prefix',
      listener: 'http',
      length: 32,
      smallestRule: /name: allow-abcdef01/,
    },
  ]);
});
