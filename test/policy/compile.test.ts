import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { ADMIN_GROUP, adminsOnly } from '../../src/core/policy.ts';
import { compilePolicy, emptyPolicy } from '../../src/policy/compile.ts';
import { applies } from '../../src/policy/rule.ts';
import type { PolicyDocument, RuleDocument } from '../../src/policy/schema.ts';
import { documents, policyOf, policyOfYaml, request, requests, serviceAccount } from './support/documents.ts';
import { referenceDecision } from './support/reference.ts';

t.test('every decision, and the rule it names, is that of a plain evaluator', async (t) => {
  let allowed = 0;
  let denied = 0;
  fc.assert(
    fc.property(documents, fc.array(requests, { minLength: 20, maxLength: 20 }), (document, asked) => {
      const policy = policyOf(document);
      return asked.every((each) => {
        const expected = referenceDecision(document, each);
        if (expected.allowed) allowed++;
        else if (expected.rule !== 'default-deny') denied++;
        return isDeepStrictEqual(policy.decide(each), expected);
      });
    }),
    { numRuns: 500 },
  );
  t.ok(allowed > 100 && denied > 100, 'the samples are worth something', { allowed, denied });
});

t.test('the order of the rules changes no decision', async () => {
  const shuffled = documents.chain((document) =>
    fc.tuple(
      fc.constant(document),
      fc.shuffledSubarray([...(document.rules ?? [])], { minLength: document.rules?.length ?? 0 }),
      fc.shuffledSubarray([...(document.tenants ?? [])], { minLength: document.tenants?.length ?? 0 }),
    ),
  );
  fc.assert(
    fc.property(shuffled, fc.array(requests, { minLength: 20 }), ([document, rules, tenants], asked) => {
      const [one, other] = [policyOf(document), policyOf({ ...document, rules, tenants })];
      return asked.every((each) => one.decide(each).rule === other.decide(each).rule);
    }),
  );
});

t.test('one more rule that allows never takes a right away, one more that denies never gives one', async () => {
  fc.assert(
    fc.property(documents, documents, fc.array(requests, { minLength: 20 }), (document, more, asked) => {
      const added = (effect: string): PolicyDocument => {
        const rules = (more.rules ?? []).filter((rule) => rule.effect === effect);
        return {
          ...document,
          rules: [...(document.rules ?? []), ...rules.map((rule, at) => ({ ...rule, name: `m${at}` }))],
        };
      };
      const [before, wider, narrower] = [document, added('allow'), added('deny')].map(policyOf);
      return asked.every((each) => {
        const was = before?.decide(each).allowed;
        return (
          (!was || wider?.decide(each).rule.startsWith('r') || wider?.decide(each).allowed) &&
          (was || !narrower?.decide(each).allowed)
        );
      });
    }),
  );
});

t.test(
  'members of the admin group may do everything, also what a rule denies; without rules, nobody else may',
  async (t) => {
    const policy = policyOfYaml(
      `{version: 1, rules: [{name: no, effect: deny, subjects: [{names: ["**"]}], actions: [data-key.*], resources: ["**"]}]}`,
    );
    const admin = { kind: 'token' as const, name: 'admin', groups: [ADMIN_GROUP] };
    t.same(policy.decide(request({ principal: admin })), { allowed: true, rule: 'admins' });
    t.same(policy.decide(request()), { allowed: false, rule: 'no' });
    for (const none of [emptyPolicy(), adminsOnly]) {
      t.same(none.decide(request()), { allowed: false, rule: 'default-deny' });
      t.same(none.decide(request({ principal: admin })), { allowed: true, rule: 'admins' });
    }
  },
);

t.test('a wildcard lets nobody in who shows no credentials, and keeps them out all the same', async (t) => {
  const anonymous = request({ principal: { kind: 'anonymous', name: 'anonymous', groups: [] }, listener: 'grpc' });
  const rule = (effect: string, subject: string, more = '') =>
    `{name: ${effect}, effect: ${effect}, subjects: [${subject}], actions: [data-key.get], resources: ["**"]${more}}`;
  const everybody = rule('allow', '{names: ["**"]}');
  const grpc = rule('allow', '{kind: anonymous}', ', conditions: {listeners: [grpc]}');
  t.notOk(policyOfYaml(`{version: 1, rules: [${everybody}]}`).decide(anonymous).allowed);
  t.ok(policyOfYaml(`{version: 1, rules: [${grpc}]}`).decide(anonymous).allowed);
  t.notOk(policyOfYaml(`{version: 1, rules: [${grpc}]}`).decide({ ...anonymous, listener: 'http' }).allowed);
  const denied = policyOfYaml(`{version: 1, rules: [${grpc}, ${rule('deny', '{names: ["**"]}')}]}`);
  t.same(denied.decide(anonymous), { allowed: false, rule: 'deny' });
});

t.test(
  'to list a prefix, one rule must hold all ids that begin so; a rule that denies one of them denies',
  async (t) => {
    const policy = policyOfYaml(`
version: 1
tenants: [{namespaces: ["team-*"]}]
rules:
  - {name: keep-out, effect: deny, subjects: [{namespaces: [team-a]}], actions: [data-key.list], resources: ["*/secret/**"]}
`);
    const list = (resource: string, namespace = 'team-a') =>
      policy.decide(
        request({ principal: serviceAccount(namespace), action: 'data-key.list', scope: 'prefix', resource }),
      ).rule;
    t.equal(list('team-a/open/'), 'tenants[0]');
    t.equal(list('team-a/'), 'keep-out', 'some of them are denied');
    t.equal(list('team-b/', 'team-b'), 'tenants[0]');
    t.equal(list('team-b', 'team-b'), 'default-deny', 'team-b2/ begins so too');
    t.equal(list('', 'team-b'), 'default-deny');
    t.equal(list('team-a/', 'team-b'), 'default-deny');
  },
);

t.test('a rule that denies what stands deep below a prefix denies the list, however it is found', async () => {
  fc.assert(
    fc.property(documents, fc.array(requests, { minLength: 20 }), (document, asked) => {
      const policy = policyOf(document);
      return asked.every((each) => {
        if (each.principal.groups.includes(ADMIN_GROUP)) return true;
        const list = { ...each, scope: 'prefix' as const, resource: each.resource.slice(0, each.resource.length % 4) };
        const all = policy.rules.filter((rule) => applies(rule, list)).sort((a, b) => (a.name < b.name ? -1 : 1));
        const expected = all.find(({ effect }) => effect === 'deny') ?? all[0];
        return policy.decide(list).rule === (expected?.name ?? 'default-deny');
      });
    }),
    { numRuns: 300 },
  );
});

t.test('a limit of the length holds for what asks for a key, and refuses what does not say how long', async (t) => {
  const policy = policyOfYaml(
    `{version: 1, tenants: [{namespaces: ["*"], may: [get, rotate], conditions: {maxLength: 32}}]}`,
  );
  const { length: _, ...unsaid } = request();
  t.ok(policy.decide(request({ length: 32 })).allowed);
  t.notOk(policy.decide(request({ length: 33 })).allowed);
  t.notOk(policy.decide(unsaid).allowed);
  t.ok(policy.decide({ ...unsaid, action: 'data-key.rotate' }).allowed, 'rotate asks for no length');
});

t.test('a value of the context is the own one only, whatever its name', async (t) => {
  const policy = policyOfYaml(
    `{version: 1, rules: [{name: x, effect: allow, subjects: [{kind: service-account}], actions: [kek.*], resources: ["**"], conditions: {context: {__proto__: "{{namespace}}"}}}]}`,
  );
  const seal = (context?: Record<string, string>) =>
    policy.decide(request({ action: 'kek.seal', ...(context && { context }) })).allowed;
  t.ok(seal(JSON.parse('{"__proto__":"team-a"}')));
  t.notOk(seal(JSON.parse('{"__proto__":"team-b"}')));
  t.notOk(seal({ other: 'team-a' }));
  t.notOk(seal());
  const any = policyOfYaml(
    `{version: 1, rules: [{name: x, effect: allow, subjects: [{kind: service-account}], actions: [kek.*], resources: ["**"], conditions: {context: {__proto__: "**"}}}]}`,
  );
  t.notOk(any.decide(request({ action: 'kek.seal', context: {} })).allowed, 'what every object inherits is no context');
});

t.test('a clock that gives no time holds no window', async (t) => {
  const policy = policyOfYaml(
    `{version: 1, tenants: [{namespaces: ["*"], conditions: {time: {notBefore: 2020-01-01T00:00Z}}}]}`,
  );
  t.ok(policy.decide(request()).allowed);
  t.notOk(policy.decide(request({ time: new Date(Number.NaN) })).allowed);
});

t.test('what a document cannot mean is refused, with the path of what is wrong', async (t) => {
  const good: RuleDocument = {
    name: 'x',
    effect: 'allow',
    subjects: [{ kind: 'oidc' }],
    actions: ['data-key.get'],
    resources: ['a'],
  };
  const { resources: _, ...unsaid } = good;
  const cases: [RuleDocument[], string, RegExp][] = [
    [[good, good], 'rules[1].name', /rules\[0\] has it/],
    [[{ ...good, name: 'admins' }], 'rules[0].name', /built in/],
    [[{ ...good, name: 'default-deny' }], 'rules[0].name', /built in/],
    [[unsaid], 'rules[0]', /must have resources/],
    [[{ ...good, resources: ['a', 'a***'] }], 'rules[0].resources[1]', /three stars/],
    [[{ ...good, subjects: [{ names: ['{{namespace}}'] }] }], 'rules[0].subjects[0].names[0]', /template/],
    [[{ ...good, subjects: [{ kind: 'anonymous' }] }], 'rules[0].subjects[0]', /name the listeners/],
    [[{ ...good, effect: 'deny', conditions: { maxLength: 1 } }], 'rules[0].conditions.maxLength', /deny the shorter/],
    [[{ ...good, conditions: { time: { hours: '08:00-08:00' } } }], 'rules[0].conditions.time.hours', /another time/],
    [
      [{ ...good, conditions: { time: { notBefore: '2027-02-30T00:00Z' } } }],
      'rules[0].conditions.time.notBefore',
      /exist/,
    ],
    [
      [{ ...good, conditions: { time: { notBefore: '2027-01-01T00:00Z', notAfter: '2027-01-01T00:00Z' } } }],
      'rules[0].conditions.time.notAfter',
      /later/,
    ],
    [[{ ...good, conditions: { context: { a: '{{x}}' } } }], 'rules[0].conditions.context.a', /unknown template/],
  ];
  for (const [rules, path, text] of cases) {
    t.match(compilePolicy({ version: 1, rules }), { problems: [{ path, text }] }, path);
  }
  t.ok('policy' in compilePolicy({ version: 1, rules: [{ ...unsaid, actions: ['system.seal', 'policy.*'] }] }));
});
