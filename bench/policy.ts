import type { PolicyRequest } from '../src/core/policy.ts';
import { compilePolicy } from '../src/policy/compile.ts';
import type { RuleDocument } from '../src/policy/schema.ts';
import { readingRow } from './policy-reading.ts';
import { interleaved, type Row, rateOf } from './support/measure.ts';

const RULES = 10_000;
/** Microseconds that one decision may take. */
const TARGET = 20;

type MakeRule = (n: number) => Omit<RuleDocument, 'name' | 'effect' | 'actions'>;

const aCallerEach: MakeRule = (n) => ({
  subjects: [{ names: [`system:serviceaccount:team-${n}:csi`] }],
  resources: ['**'],
});

/** Policies of ten thousand rules, each kind with little to find a rule by but one thing. */
const POLICIES: Readonly<Record<string, MakeRule>> = {
  'a namespace each': (n) => ({ subjects: [{ namespaces: [`team-${n}`] }], resources: ['*/*/{{namespace}}/**'] }),
  'a pattern of namespaces each': (n) => ({ subjects: [{ namespaces: [`team-${n}*`] }], resources: ['**'] }),
  'a caller each': aCallerEach,
  'a group each': (n) => ({ subjects: [{ groups: [`group-${n}`] }], resources: ['**'] }),
  'a prefix each, everybody': (n) => ({ subjects: [{ names: ['**'] }], resources: [`eu/west/team-${n}/**`] }),
};

/** (h) One decision of a policy of ten thousand rules: of one that allows, and of one that nobody allows. */
export async function benchPolicy(): Promise<Row[]> {
  const contenders = Object.entries(POLICIES).flatMap(([name, rule]) => {
    const decide = decider(rule);
    return [true, false].map((found) => ({
      name: `${name}, ${found ? 'allowed' : 'denied'}`,
      run: async (seconds: number) => rateOf(decide(found), seconds),
    }));
  });
  const rates = await interleaved(contenders, 3, 0.3);
  const reading = await readingRow('(h) reading a policy of 10,000 rules', rulesOf(aCallerEach));
  const decisions = [...rates].map(([name, rate]) => {
    const micros = 1e6 / rate;
    return {
      what: `(h) decision, 10,000 rules: ${name}`,
      ours: `${micros.toFixed(2)} µs`,
      baseline: '–',
      ratio: '–',
      target: `< ${TARGET} µs${micros < TARGET ? '' : ' (missed)'}`,
    };
  });
  return [...decisions, reading];
}

function rulesOf(rule: MakeRule): RuleDocument[] {
  return Array.from({ length: RULES }, (_, n) => ({
    name: `rule-${n}`,
    effect: n % 10 === 9 ? ('deny' as const) : ('allow' as const),
    actions: ['data-key.get', 'data-key.create'] as RuleDocument['actions'],
    ...rule(n),
  }));
}

function decider(rule: MakeRule): (found: boolean) => () => void {
  const compiled = compilePolicy({ version: 1, rules: rulesOf(rule) });
  if ('problems' in compiled) throw new Error(JSON.stringify(compiled.problems[0]));
  let n = 0;
  return (found) => {
    const requests = Array.from({ length: 256 }, (_, at) => requestOf(at * 30, found));
    return () => {
      compiled.policy.decide(requests[n++ & 255] as PolicyRequest);
    };
  };
}

/** By the caller of one rule; of a team that no rule knows where it is not to be found. */
function requestOf(team: number, found: boolean): PolicyRequest {
  const namespace = found ? `team-${team}` : `other-${team}`;
  return {
    principal: {
      kind: 'service-account',
      name: `system:serviceaccount:${namespace}:csi`,
      groups: [found ? `group-${team}` : 'group-none', 'system:serviceaccounts'],
      namespace,
      serviceAccount: 'csi',
    },
    action: 'data-key.get',
    resource: `eu/west/${namespace}/pvc-0f3a1c2e-5b6d-4e7f-8a9b-${team}`,
    scope: 'id',
    listener: 'http',
    time: new Date(),
    length: 32,
  };
}
