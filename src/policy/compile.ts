import { ADMIN_GROUP, type Decision, type Policy, type PolicyRequest } from '../core/policy.ts';
import { compileRule, type Report } from './compile-rule.ts';
import type { Rule } from './rule.ts';
import { RuleIndex } from './rule-index.ts';
import type { PolicyDocument, RuleDocument } from './schema.ts';
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
  const compiler = new PolicyCompiler();
  compiler.tenants(document.tenants ?? []);
  compiler.rules(document.rules ?? []);
  return compiler.finish();
}

/** Takes a document bit by bit: its tenants first, then its rules in their order. */
export class PolicyCompiler {
  readonly #problems: PolicyProblem[] = [];
  readonly #compiled: Rule[] = [];
  #taken = 0;

  tenants(tenants: NonNullable<PolicyDocument['tenants']>): void {
    for (const [at, tenant] of tenants.entries()) {
      const path = `tenants[${at}]`;
      this.#compiled.push(compileRule(tenantRule(tenant, path, this.#report), path, this.#report));
    }
  }

  rules(rules: readonly RuleDocument[]): void {
    for (const rule of rules) this.#compiled.push(compileRule(rule, `rules[${this.#taken++}]`, this.#report));
  }

  finish(): ReturnType<typeof compilePolicy> {
    reportNames(this.#compiled, this.#report);
    return this.#problems.length > 0 ? { problems: this.#problems } : { policy: policyOf(this.#compiled) };
  }

  readonly #report: Report = (path, text) => void this.#problems.push({ path, text });
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
