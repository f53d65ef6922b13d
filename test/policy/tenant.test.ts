import fc from 'fast-check';
import t from 'tap';
import { ACTIONS } from '../../src/core/policy.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { policyOf, policyOfYaml, request, serviceAccount } from './support/documents.ts';

const oneLine = policyOfYaml('version: 1\ntenants: [{namespaces: ["**"]}]\n');

t.test(
  'one line gives each namespace its own prefix: to get, create, list and describe, and nothing more',
  async (t) => {
    const may = ACTIONS.filter((action) => oneLine.decide(request({ action })).allowed);
    t.same(may, ['data-key.get', 'data-key.create', 'data-key.list', 'data-key.describe']);
    t.notOk(oneLine.decide(request({ resource: 'team-b/volume-1' })).allowed);
    t.notOk(oneLine.decide(request({ resource: 'team-a' })).allowed, 'the name itself is not below it');
  },
);

t.test(
  'a tenant is a ServiceAccount: another caller with the name of one, or without a namespace, is none',
  async (t) => {
    const principal = serviceAccount('team-a');
    t.ok(oneLine.decide(request({ principal })).allowed);
    t.notOk(oneLine.decide(request({ principal: { ...principal, kind: 'oidc' } })).allowed);
    const { namespace: _, ...without } = principal;
    t.notOk(oneLine.decide(request({ principal: without })).allowed);
  },
);

/** Ways to write, or nearly write, the id of somebody else. */
const tricks = (own: string, other: string) => [
  `${own}/../${other}/x`,
  `${own}/..%2f${other}/x`,
  `${own}%2f..%2f${other}/x`,
  `${other}%2fx`,
  `./${other}/x`,
  `/${other}/x`,
  `//${other}/x`,
  `${other}\0/x`,
  `${other}\\x`,
  `${other.toUpperCase()}/x`,
  `${other}\u200b/x`,
  `${other.replaceAll('a', '\u0430')}/x`,
  `${other}\uff0fx`,
  `${other}\u2215x`,
  other.normalize('NFD'),
  `*/${other}/x`,
  `**`,
];

t.test('no id that a tenant reaches begins with the prefix of another', async () => {
  const namespace = fc.oneof(
    fc.constantFrom(
      'a',
      'A',
      'ab',
      'a-b',
      'team-a',
      'team-b',
      '..',
      '.',
      '%2f',
      '**',
      '*',
      'a\0',
      'é',
      'e\u0301',
      '\u0430',
    ),
    fc.string({ minLength: 1, maxLength: 5, unit: 'binary' }),
  );
  const ids = fc
    .tuple(namespace, namespace, fc.string({ unit: 'binary' }))
    .chain(([own, other, tail]) =>
      fc.tuple(fc.constant(own), fc.constant(other), fc.constantFrom(...tricks(own, other), `${other}/${tail}`, tail)),
    );
  fc.assert(
    fc.property(ids, ([own, other, id]) => {
      fc.pre(own !== other);
      const principal = serviceAccount(own);
      const reached = oneLine.decide(request({ principal, resource: id })).allowed;
      const listed = oneLine.decide(
        request({ principal, action: 'data-key.list', scope: 'prefix', resource: id }),
      ).allowed;
      return (!reached && !listed) || (id.startsWith(`${own}/`) && !id.startsWith(`${other}/`));
    }),
    { numRuns: 2000 },
  );
});

t.test('whatever prefix is accepted, no id begins with the prefixes of two tenants', async (t) => {
  const part = fc.constantFrom('{{namespace}}', '{{serviceAccount}}', '/', '-', 'x', 'a');
  const names = fc.constantFrom('a', 'b', 'a-a', 'x', 'a-', '-a', 'ax');
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(part, { maxLength: 7 }), names, names, names, names, (parts, ns, sa, otherNs, otherSa) => {
      const prefix = parts.join('');
      const compiled = compilePolicy({ version: 1, tenants: [{ namespaces: ['**'], prefix }] });
      if ('problems' in compiled || ns === otherNs) return true;
      accepted++;
      const fill = (namespace: string, account: string) =>
        prefix.replaceAll('{{namespace}}', namespace).replaceAll('{{serviceAccount}}', account);
      const other = request({ principal: serviceAccount(otherNs, otherSa) });
      const own = request({ principal: serviceAccount(ns, sa), resource: `${fill(ns, sa)}x` });
      return (
        compiled.policy.decide(own).allowed && !compiled.policy.decide({ ...other, resource: own.resource }).allowed
      );
    }),
    { numRuns: 20_000 },
  );
  t.ok(accepted > 100, `${accepted} prefixes were tried`);
});

t.test('a prefix that tenants would share is refused, and it is said why', async (t) => {
  const wrong: [string, RegExp][] = [
    ['x/', /must have {{namespace}}/],
    ['{{serviceAccount}}/', /must have {{namespace}}/],
    ['{{namespace}}', /must end in \//],
    ['{{namespace}}-', /must end in \//],
    ['{{namespace}}-{{serviceAccount}}/', /between two templates/],
    ['{{namespace}}{{serviceAccount}}/', /between two templates/],
    ['{{namespace}}/*/', /must not have a \*/],
    ['{{team}}/', /unknown template/],
  ];
  for (const [prefix, text] of wrong) {
    const compiled = compilePolicy({ version: 1, tenants: [{ namespaces: ['*'], prefix }] });
    t.match(compiled, { problems: [{ path: 'tenants[0].prefix', text }] }, prefix);
  }
});

t.test('a tenant may be given more, under conditions, and a prefix of its own kind', async (t) => {
  const policy = policyOf({
    version: 1,
    tenants: [
      {
        name: 'teams',
        namespaces: ['team-*'],
        prefix: 'clusters/one/{{namespace}}/',
        may: ['get', 'delete'],
        conditions: { listeners: ['grpc'] },
      },
    ],
  });
  const own = request({ resource: 'clusters/one/team-a/x', listener: 'grpc' });
  t.same(policy.decide(own), { allowed: true, rule: 'teams' });
  t.ok(policy.decide({ ...own, action: 'data-key.delete' }).allowed);
  t.notOk(policy.decide({ ...own, action: 'data-key.create' }).allowed);
  t.notOk(policy.decide({ ...own, listener: 'http' }).allowed);
  t.notOk(policy.decide({ ...own, principal: serviceAccount('kube-system') }).allowed);
});
