import fc from 'fast-check';
import t from 'tap';
import { ruleContains } from '../../src/policy/contains.ts';
import { lintPolicy } from '../../src/policy/lint.ts';
import { applies } from '../../src/policy/rule.ts';
import { documents, policyOf, policyOfYaml, requests } from './support/documents.ts';

const NOW = new Date('2026-11-23T00:00Z');
const lint = (rules: string, tenants = '[]') =>
  lintPolicy(policyOfYaml(`version: 1\ntenants: ${tenants}\nrules:\n${rules}`), NOW).map(
    ({ rule, kind }) => `${rule} ${kind}`,
  );
const OK =
  '  - { name: ok, effect: allow, subjects: [{ namespaces: [x] }], actions: [data-key.get], resources: ["{{namespace}}/**"] }\n';

t.test('a rule that contains another applies wherever the other does', async (t) => {
  let contained = 0;
  fc.assert(
    fc.property(documents, fc.array(requests, { minLength: 30 }), (document, asked) => {
      const { rules } = policyOf(document);
      return rules.every((outer) =>
        rules.every((inner) => {
          if (outer === inner || outer.effect !== inner.effect || !ruleContains(outer, inner)) return true;
          contained++;
          return asked.every((each) => !applies(inner, each) || applies(outer, each));
        }),
      );
    }),
    { numRuns: 500 },
  );
  t.ok(contained > 50, `${contained} pairs`);
});

t.test('a rule without which every decision is the same is what is called unreachable or shadowed', async (t) => {
  let found = 0;
  fc.assert(
    fc.property(documents, fc.array(requests, { minLength: 30 }), (document, asked) => {
      const policy = policyOf(document);
      const needless = lintPolicy(policy, NOW).filter(({ kind }) => kind === 'unreachable' || kind === 'shadowed-deny');
      found += needless.length;
      const names = new Set(needless.map(({ rule }) => rule));
      const without = policyOf({
        version: 1,
        tenants: (document.tenants ?? []).filter(({ name = '' }) => !names.has(name)),
        rules: (document.rules ?? []).filter(({ name }) => !names.has(name)),
      });
      return asked.every((each) => policy.decide(each).allowed === without.decide(each).allowed);
    }),
    { numRuns: 300 },
  );
  t.ok(found > 50, `${found} rules`);
});

t.test('nothing is found in a policy that means what it says', async (t) => {
  t.same(lint(OK, '[{ namespaces: ["team-*"] }]'), []);
});

t.test('rules that others make needless are found', async (t) => {
  const deny = (name: string, resource: string) =>
    `  - { name: ${name}, effect: deny, subjects: [{ names: ["**"] }], actions: [data-key.*], resources: ["${resource}"] }\n`;
  const allow = (name: string, resource: string, more = '') =>
    `  - { name: ${name}, effect: allow, subjects: [{ kind: oidc, names: [x] }], actions: [data-key.get], resources: ["${resource}"]${more} }\n`;
  t.same(lint(deny('no', 'a/**') + allow('a', 'a/b/*')), ['a unreachable']);
  t.same(lint(deny('no', 'a/**') + deny('less', 'a/b')), ['less shadowed-deny']);
  t.same(lint(allow('wide', 'a/**') + allow('narrow', 'a/b')), ['narrow unreachable']);
  t.same(
    lint(allow('one', 'a/**') + allow('two', 'a/**')),
    ['two unreachable'],
    'of two that are the same, the second',
  );
  t.same(lint(allow('one', 'a/**', ', conditions: { maxLength: 32 }') + allow('two', 'a/**')), ['one unreachable']);
  t.same(lint(allow('one', 'a/*') + allow('two', 'b/*')), []);
  const bound = (value: string) => `, conditions: { context: { for: "${value}" } }`;
  t.same(lint(allow('one', 'a', bound('x*')) + allow('two', 'a', bound('xy'))), ['two unreachable']);
  t.same(lint(allow('one', 'a', bound('x')) + allow('two', 'a', bound('y'))), []);
  const at = (...listeners: string[]) => `, conditions: { listeners: [${listeners}] }`;
  t.same(lint(allow('one', 'a', at('http')) + allow('two', 'a', at('http', 'grpc'))), ['one unreachable']);
  t.same(lint(allow('one', 'a', at('http')) + allow('two', 'a', at('grpc'))), []);
  const time = (hours: string) => `, conditions: { time: { hours: "${hours}" } }`;
  t.same(lint(allow('one', 'a', time('08:00-09:00')) + allow('two', 'a', time('08:00-09:00'))), ['two unreachable']);
  t.same(lint(allow('one', 'a', time('08:00-09:00')) + allow('two', 'a', time('08:00-10:00'))), []);
});

t.test('rules that never match, match too much, or are easily dodged are found', async (t) => {
  const cases: [string, string][] = [
    [
      '{ name: x, effect: allow, subjects: [{ kind: oidc, namespaces: [a] }], actions: [data-key.get], resources: [a] }',
      'never-matches',
    ],
    [
      '{ name: x, effect: allow, subjects: [{ kind: token }], actions: [data-key.get], resources: ["{{namespace}}/**"] }',
      'never-matches',
    ],
    [
      '{ name: x, effect: allow, subjects: [{ namespaces: [a] }], actions: [data-key.get], resources: [a], conditions: { time: { notAfter: 2026-11-23T00:00Z } } }',
      'expired',
    ],
    [
      '{ name: x, effect: allow, subjects: [{ namespaces: [a] }], actions: [data-key.get], resources: ["{{namespace}}**"] }',
      'open-template',
    ],
    [
      '{ name: x, effect: allow, subjects: [{ namespaces: [a] }], actions: [data-key.get], resources: ["{{namespace}}-*/x"] }',
      'open-template',
    ],
    [
      '{ name: x, effect: deny, subjects: [{ groups: ["keystead:*"] }], actions: [data-key.get], resources: [a] }',
      'admins',
    ],
    [
      '{ name: x, effect: deny, subjects: [{ groups: [a] }], actions: [kek.seal], resources: [a], conditions: { context: { a: b } } }',
      'dodgeable-deny',
    ],
    [
      '{ name: x, effect: allow, subjects: [{ names: ["**"] }], actions: [data-key.get], resources: ["**"] }',
      'allow-all',
    ],
    [
      '{ name: x, effect: allow, subjects: [{ kind: anonymous }], actions: [data-key.get], resources: [a], conditions: { listeners: [grpc] } }',
      'anonymous',
    ],
  ];
  for (const [rule, kind] of cases) t.same(lint(`  - ${rule}\n`), [`x ${kind}`], rule);
});

t.test('lines of tenants whose prefixes may begin alike are found', async (t) => {
  const tenants = (first: string, second: string) => `[{ name: a, ${first} }, { name: b, ${second} }]`;
  t.same(lint(OK, tenants('namespaces: ["*"]', 'namespaces: [x], prefix: "eu/{{namespace}}/"')), [
    'b overlapping-tenants',
  ]);
  t.same(lint(OK, tenants('namespaces: ["team-*"]', 'namespaces: [x], prefix: "eu/{{namespace}}/"')), []);
  t.same(
    lint(
      OK,
      tenants('namespaces: ["a*"], prefix: "us/{{namespace}}/"', 'namespaces: [x], prefix: "eu/{{namespace}}/"'),
    ),
    [],
  );
});
