import fc from 'fast-check';
import t from 'tap';
import { ruleContains } from '../../src/policy/contains.ts';
import { Hiding } from '../../src/policy/hiding.ts';
import type { Rule } from '../../src/policy/rule.ts';
import { documents, policyOf } from './support/documents.ts';

/** Each asked about each. */
function plainFirst(rules: readonly Rule[], rule: Rule, effect: Rule['effect']): Rule | undefined {
  return rules.find((other, at) => {
    if (other === rule || other.effect !== effect || !ruleContains(other, rule)) return false;
    return rule.effect !== effect || !ruleContains(rule, other) || at < rules.indexOf(rule);
  });
}

t.test('the rule that is found is the one that asking each about each finds', async (t) => {
  let found = 0;
  fc.assert(
    fc.property(documents, (document) => {
      const { rules } = policyOf(document);
      const hiding = new Hiding(rules);
      return rules.every((rule) =>
        (['allow', 'deny'] as const).every((effect) => {
          const first = hiding.first(rule, effect);
          if (first !== undefined) found++;
          return first === plainFirst(rules, rule, effect);
        }),
      );
    }),
    { numRuns: 500 },
  );
  t.ok(found > 50, `${found} found`);
});

t.test('of thousands of rules few are asked about each', async (t) => {
  const count = 2000;
  let asked = 0;
  const { rules } = policyOf({
    version: 1,
    rules: Array.from({ length: count }, (_, at) => ({
      name: `r${at}`,
      effect: 'allow',
      subjects: [{ kind: 'token', names: ['ci'] }],
      actions: ['data-key.get'],
      resources: [`team-${at}/**`],
    })),
  });
  const counted = rules.map((rule) => ({
    ...rule,
    get effect() {
      asked++;
      return rule.effect;
    },
  }));
  const hiding = new Hiding(counted);
  t.notOk(counted.some((rule) => hiding.first(rule, 'deny') ?? hiding.first(rule, 'allow')));
  t.ok(asked < 100 * count, `${asked} of ${count * count}`);
});
