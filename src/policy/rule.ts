import type { Principal } from '../core/call.ts';
import { ACTIONS, type Action, type Decision, type PolicyRequest } from '../core/policy.ts';
import { type Conditions, conditionsHold } from './conditions.ts';
import type { RuleDocument } from './schema.ts';
import { coversPrefix, hasText, meetsPrefix, type TextSet } from './text-set.ts';

/** Whom a rule is about; all that is given must hold. */
export interface Subject {
  readonly kind?: Principal['kind'];
  readonly names?: TextSet;
  readonly groups?: TextSet;
  readonly namespaces?: TextSet;
}

/** A rule, ready to be asked. */
export interface Rule {
  readonly name: string;
  readonly effect: 'allow' | 'deny';
  /** What a policy says when this rule decides. */
  readonly decision: Decision;
  readonly subjects: readonly Subject[];
  /** One bit for each action. */
  readonly actions: number;
  /** Absent: any. */
  readonly resources?: TextSet;
  readonly conditions?: Conditions;
  readonly document: RuleDocument;
  /** Where it stands in the document: `rules[3]`. */
  readonly path: string;
}

const BITS = new Map<string, number>(ACTIONS.map((action, bit) => [action, 1 << bit]));

export function actionBit(action: Action): number {
  return BITS.get(action) ?? 0;
}

/** Whether the rule says anything about the request. */
export function applies(rule: Rule, request: PolicyRequest): boolean {
  return (
    actionHolds(rule, request) &&
    resourceHolds(rule, request) &&
    subjectHolds(rule, request) &&
    (rule.conditions === undefined || conditionsHold(rule.conditions, request))
  );
}

export function actionHolds(rule: Rule, { action }: PolicyRequest): boolean {
  return (rule.actions & actionBit(action)) !== 0;
}

export function subjectHolds(rule: Rule, { principal }: PolicyRequest): boolean {
  for (const subject of rule.subjects) if (isSubject(subject, principal, rule.effect)) return true;
  return false;
}

/** What allows must hold all that the action reaches; what denies, any of it. */
export function resourceHolds({ resources, effect }: Rule, { principal, resource, scope }: PolicyRequest): boolean {
  if (resources === undefined) return true;
  if (scope === 'id') return hasText(resources, resource, principal);
  return effect === 'allow'
    ? coversPrefix(resources, resource, principal)
    : meetsPrefix(resources, resource, principal);
}

/** A wildcard lets nobody in who shows no credentials: a rule that allows says `kind: anonymous` for that. */
export function isSubject(subject: Subject, principal: Principal, effect: Rule['effect']): boolean {
  const { kind, names, groups, namespaces } = subject;
  if (kind === undefined ? effect === 'allow' && principal.kind === 'anonymous' : kind !== principal.kind) return false;
  if (names !== undefined && !hasText(names, principal.name, principal)) return false;
  if (groups !== undefined && !principal.groups.some((group) => hasText(groups, group, principal))) return false;
  if (namespaces === undefined) return true;
  return principal.namespace !== undefined && hasText(namespaces, principal.namespace, principal);
}
