import { ADMIN_GROUP, type Decision, type Policy, type PolicyRequest } from '../core/policy.ts';
import { compileRule, type Report } from './compile-rule.ts';
import type { Rule } from './rule.ts';
import { RuleIndex } from './rule-index.ts';
import type { PolicyDocument } from './schema.ts';
import { tenantRule } from './tenant.ts';

const ADMINS: Decision = { allowed: true, rule: 'admins' };
const DEFAULT_DENY: Decision = { allowed: false, rule: 'default-deny' };
/** Names of what decides without a rule of the document. */
const BUILT_IN: readonly string[] = [ADMINS.rule, DEFAULT_DENY.rule];

/** What is wrong at a path of the document: `rules[3].resources[0]`. */
export interface PolicyProblem {
  readonly path: string;
  readonly text: string;
}

/** A policy of the document, which also tells its rules. */
export interface CompiledPolicy extends Policy {
  /** In the order of the document, tenants first. */
  readonly rules: readonly Rule[];
}

/**
 * The policy that a document means, or all that is wrong with it.
 *
 * Promises: the decision and the rule it names depend on the request and on the set of rules, not on their order; a
 * rule that denies wins; what no rule allows is denied; the members of the admin group may do everything.
 */
export function compilePolicy(
  document: PolicyDocument,
): { readonly policy: CompiledPolicy } | { readonly problems: readonly PolicyProblem[] } {
  const problems: PolicyProblem[] = [];
  const report: Report = (path, text) => problems.push({ path, text });
  const { tenants = [], rules: plain = [] } = document;
  const rules = [
    ...tenants.map((tenant, at) => {
      const path = `tenants[${at}]`;
      return compileRule(tenantRule(tenant, path, report), path, report);
    }),
    ...plain.map((rule, at) => compileRule(rule, `rules[${at}]`, report)),
  ];
  reportNames(rules, report);
  return problems.length > 0 ? { problems } : { policy: policyOf(rules) };
}

/** The policy without any rule: administrators only. */
export function emptyPolicy(): CompiledPolicy {
  return policyOf([]);
}

export function policyOf(rules: readonly Rule[]): CompiledPolicy {
  const denying = new RuleIndex(rules.filter(({ effect }) => effect === 'deny'));
  const allowing = new RuleIndex(rules.filter(({ effect }) => effect === 'allow'));
  return {
    rules,
    decide(request: PolicyRequest): Decision {
      if (request.principal.groups.includes(ADMIN_GROUP)) return ADMINS;
      const rule = denying.find(request) ?? allowing.find(request);
      return rule === undefined ? DEFAULT_DENY : rule.decision;
    },
  };
}

function reportNames(rules: readonly Rule[], report: Report): void {
  const seen = new Map<string, string>();
  for (const { name, path } of rules) {
    const earlier = seen.get(name);
    if (BUILT_IN.includes(name)) report(`${path}.name`, `must be another one: ${name} is built in`);
    if (earlier !== undefined) report(`${path}.name`, `must be another one: ${earlier} has it already`);
    seen.set(name, path);
  }
}
