import fc from 'fast-check';
import t from 'tap';
import { readDocument } from '../../src/config/document.ts';
import { explain } from '../../src/policy/explain.ts';
import { PolicySchema, type RuleDocument } from '../../src/policy/schema.ts';
import { smallestRule } from '../../src/policy/smallest-rule.ts';
import { documents, policyOf, policyOfYaml, request, requests, serviceAccount } from './support/documents.ts';

function rulesOfYaml(text: string): RuleDocument[] {
  const read = readDocument(Buffer.from(`version: 1\nrules:\n${text}`), PolicySchema);
  if ('problems' in read) throw new Error(`${JSON.stringify(read.problems)}\n${text}`);
  return read.value.rules ?? [];
}

t.test('the smallest rule, pasted into the policy, allows what was refused unless a rule denies it', async (t) => {
  let pasted = 0;
  fc.assert(
    fc.property(documents, fc.array(requests, { minLength: 10 }), (document, asked) => {
      const policy = policyOf(document);
      return asked.every((each) => {
        const { decision, smallestRule: yaml, advice, tried } = explain(policy, each, 'advised');
        if (decision.allowed) return yaml === undefined && advice === undefined;
        if (decision.rule !== 'default-deny') {
          return yaml === undefined && tried[0]?.failed === undefined && tried[0]?.effect === 'deny';
        }
        pasted++;
        const rules = [...(document.rules ?? []), ...rulesOfYaml(yaml as string)];
        return policyOf({ ...document, rules }).decide(each).rule === 'advised';
      });
    }),
    { numRuns: 40 },
  );
  t.ok(pasted > 100);
});

t.test('the smallest rule allows nothing else, whatever characters names and ids have', async () => {
  const text = fc.oneof(
    fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }),
    fc.constantFrom('*', '**', 'a*', 'ab', '{{namespace}}', 'team-a', '\\', '\\*', '\u0000"\n'),
  );
  fc.assert(
    fc.property(text, text, text, text, (name, resource, otherName, otherResource) => {
      const asked = request({
        principal: { kind: 'oidc', name, groups: ['g'] },
        resource,
        context: { [name]: resource },
      });
      const policy = policyOf({ version: 1, rules: rulesOfYaml(smallestRule(asked, 'x')) });
      const allowed = (over: Partial<typeof asked>) => policy.decide({ ...asked, ...over }).allowed;
      return (
        allowed({}) &&
        (otherResource === resource || !allowed({ resource: otherResource })) &&
        (otherName === name || !allowed({ principal: { kind: 'oidc', name: otherName, groups: ['g'] } })) &&
        !allowed({ action: 'data-key.create' }) &&
        !allowed({ length: 33 }) &&
        !allowed({ principal: { kind: 'token', name, groups: [] } }) &&
        !allowed({ scope: 'prefix' })
      );
    }),
  );
});

t.test('a list is allowed by the smallest rule for its prefix; anybody is let in on that listener alone', async (t) => {
  const list = request({ action: 'data-key.list', scope: 'prefix', resource: 'a*/' });
  const listing = policyOf({ version: 1, rules: rulesOfYaml(smallestRule(list, 'x')) });
  t.ok(listing.decide(list).allowed);
  t.notOk(listing.decide({ ...list, resource: 'ab/' }).allowed);
  const anybody = request({ principal: { kind: 'anonymous', name: 'anonymous', groups: [] }, listener: 'grpc' });
  const open = policyOf({ version: 1, rules: rulesOfYaml(smallestRule(anybody, 'x')) });
  t.ok(open.decide(anybody).allowed);
  t.notOk(open.decide({ ...anybody, listener: 'http' }).allowed);
});

t.test('for each rule the first part that fails is told, in words, those that come nearest first', async (t) => {
  const policy = policyOfYaml(`
version: 1
tenants: [{ name: teams, namespaces: ["team-*"], conditions: { maxLength: 16 } }]
rules:
  - { name: a-action, effect: allow, subjects: [{ kind: oidc }], actions: [data-key.list], resources: ["**"] }
  - { name: b-resource, effect: allow, subjects: [{ kind: oidc }], actions: [data-key.*], resources: ["x/**", "y"] }
  - { name: c-account, effect: allow, subjects: [{ kind: oidc }], actions: [data-key.*], resources: ["{{serviceAccount}}/**"] }
  - { name: d-kind, effect: allow, subjects: [{ kind: oidc }], actions: [data-key.*], resources: ["**"] }
  - { name: e-name, effect: allow, subjects: [{ names: [z] }], actions: [data-key.*], resources: ["**"] }
  - { name: f-group, effect: allow, subjects: [{ groups: [ops] }], actions: [data-key.*], resources: ["**"] }
  - { name: g-listener, effect: allow, subjects: [{ names: ["**"] }], actions: [data-key.*], resources: ["**"], conditions: { listeners: [grpc] } }
  - { name: h-time, effect: allow, subjects: [{ names: ["**"] }], actions: [data-key.*], resources: ["**"], conditions: { time: { days: [sun] } } }
  - { name: i-context, effect: allow, subjects: [{ names: ["**"] }], actions: [data-key.*], resources: ["**"], conditions: { context: { for: backup } } }
  - { name: j-deny, effect: deny, subjects: [{ namespaces: [team-b] }], actions: [data-key.*], resources: ["**"] }
`);
  const { tried, decision, rules } = explain(policy, request(), 'x');
  t.same(decision, { allowed: false, rule: 'default-deny' });
  t.equal(rules, 11);
  t.same(
    tried.map(({ rule, failed, why }) => `${rule} ${failed}: ${why}`),
    [
      'g-listener conditions: the call came in by http, not by grpc',
      'h-time conditions: it was 2026-11-23T09:30:00.000Z, not within days sun (UTC)',
      'i-context conditions: the context has no "for" with a value like "backup"',
      'teams conditions: 32 bytes are asked for, at most 16 are allowed',
      'd-kind subjects: the caller is of the kind service-account, not oidc',
      'e-name subjects: the name "system:serviceaccount:team-a:csi" does not match "z"',
      'f-group subjects: the caller is in no group',
      'b-resource resources: "team-a/volume-1" does not match "x/**", "y"',
      'c-account resources: "team-a/volume-1" does not match "{{serviceAccount}}/**"',
      'a-action actions: it is about data-key.list',
      'j-deny subjects: the namespace "team-a" does not match "team-b"',
    ],
  );
});

t.test('what a caller lacks for a template, and what a list would reach beyond a rule, is told', async (t) => {
  const policy = policyOfYaml('version: 1\ntenants: [{ name: teams, namespaces: ["team-*"] }]\n');
  const why = (over: Parameters<typeof request>[0]) => explain(policy, request(over), 'x').tried[0]?.why;
  t.match(
    why({ principal: { kind: 'oidc', name: 'x', groups: [] } }),
    /asks for a namespace, which the caller does not have/,
  );
  const list = { action: 'data-key.list', scope: 'prefix' } as const;
  t.match(why({ ...list, resource: '' }), 'not all ids match "{{namespace}}/**"');
  t.match(why({ ...list, resource: 'team' }), 'not all ids that begin with "team" match');
});

t.test('where a rule denies, it is named, and no rule is advised', async (t) => {
  const policy = policyOfYaml(`
version: 1
tenants: [{ namespaces: ["team-*"] }]
rules: [{ name: frozen, effect: deny, subjects: [{ namespaces: [team-a] }], actions: [data-key.*], resources: ["**"] }]
`);
  const { advice, smallestRule: rule, tried } = explain(policy, request(), 'x');
  t.match(advice, /the rule frozen denies it/);
  t.equal(rule, undefined);
  t.same(tried[0], { rule: 'frozen', effect: 'deny' });
  const allowed = explain(policy, request({ principal: serviceAccount('team-b'), resource: 'team-b/x' }), 'x');
  t.same([allowed.decision.rule, allowed.advice], ['tenants[0]', undefined]);
});

t.test('of many rules the twenty nearest are told', async (t) => {
  const rule = (n: number): RuleDocument => ({
    name: `r${n}`,
    effect: 'allow',
    subjects: [{ kind: 'oidc' }],
    actions: [n === 77 ? 'data-key.get' : 'kek.seal'],
    resources: ['x'],
  });
  const many = policyOf({ version: 1, rules: Array.from({ length: 100 }, (_, n) => rule(n)) });
  const { tried, rules } = explain(many, request(), 'x');
  t.equal(tried.length, 20);
  t.equal(tried[0]?.rule, 'r77');
  t.equal(rules, 100);
});
