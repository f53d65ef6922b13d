import type { Decision, Policy, PolicyRequest } from '../core/policy.ts';
import { conditionsHold, lengthHolds, listenerHolds, timeHolds, wrongContext } from './conditions.ts';
import { filled } from './pattern.ts';
import { actionHolds, isSubject, type Rule, resourceHolds, type Subject, subjectHolds } from './rule.ts';
import { smallestRule } from './smallest-rule.ts';
import { hasText } from './text-set.ts';

/** A rule that was asked, and why it says nothing of the request, where it does not. */
export interface TriedRule {
  readonly rule: string;
  readonly effect: 'allow' | 'deny';
  /** The first of its parts that does not hold; absent: all of them do, so the rule applies. */
  readonly failed?: 'actions' | 'resources' | 'subjects' | 'conditions';
  /** In plain words. */
  readonly why?: string;
}

/** Why a policy decides as it does. */
export interface Explanation {
  readonly decision: Decision;
  /** Those that come nearest first; not all of thousands. */
  readonly tried: readonly TriedRule[];
  /** How many rules there are. */
  readonly rules: number;
  /** What to do so that it would be allowed; absent where it is. */
  readonly advice?: string;
  /** The smallest rule that would allow it, as YAML for the list of rules; absent where no rule would. */
  readonly smallestRule?: string;
}

const MAX_TRIED = 20;
const ORDER = ['actions', 'resources', 'subjects', 'conditions'] as const;

/** @param name of the rule that is advised. */
export function explain(
  policy: Policy & { readonly rules: readonly Rule[] },
  request: PolicyRequest,
  name: string,
): Explanation {
  const decision = policy.decide(request);
  const tried = policy.rules
    .map((rule) => ({ rule, failed: failedPart(rule, request) }))
    .sort((a, b) => nearness(b) - nearness(a) || (a.rule.name < b.rule.name ? -1 : 1))
    .slice(0, MAX_TRIED)
    .map(({ rule, failed }) => ({ rule: rule.name, effect: rule.effect, ...inWords(rule, failed, request) }));
  const base = { decision, tried, rules: policy.rules.length };
  if (decision.allowed) return base;
  if (tried.some(({ effect, failed }) => effect === 'deny' && failed === undefined)) {
    const advice = `the rule ${decision.rule} denies it, which no rule that allows can change: narrow that rule or remove it`;
    return { ...base, advice };
  }
  const advice = 'no rule allows it: add this one, or widen one of those tried';
  return { ...base, advice, smallestRule: smallestRule(request, name) };
}

interface Tried {
  readonly rule: Rule;
  readonly failed: TriedRule['failed'];
}

/** How many parts hold; a rule that denies and does not apply is no help to anybody. */
function nearness({ rule: { effect }, failed }: Tried): number {
  if (failed === undefined) return ORDER.length + (effect === 'deny' ? 1 : 0);
  return effect === 'deny' ? -1 : ORDER.indexOf(failed);
}

function failedPart(rule: Rule, request: PolicyRequest): Tried['failed'] {
  if (!actionHolds(rule, request)) return 'actions';
  if (!resourceHolds(rule, request)) return 'resources';
  if (!subjectHolds(rule, request)) return 'subjects';
  const { conditions } = rule;
  return conditions === undefined || conditionsHold(conditions, request) ? undefined : 'conditions';
}

function inWords(rule: Rule, failed: Tried['failed'], request: PolicyRequest): Pick<TriedRule, 'failed' | 'why'> {
  switch (failed) {
    case undefined:
      return {};
    case 'actions':
      return { failed, why: `it is about ${rule.document.actions.join(', ')}` };
    case 'resources':
      return { failed, why: resourceWords(rule, request) };
    case 'subjects':
      return { failed, why: subjectsWords(rule, request) };
    case 'conditions':
      return { failed, why: conditionWords(rule, request) };
  }
}

function resourceWords({ resources, effect }: Rule, { principal, resource, scope }: PolicyRequest): string {
  const patterns = resources?.patterns ?? [];
  const lacking = patterns.find((pattern) => filled(pattern, principal) === undefined);
  if (lacking !== undefined && patterns.length === 1) {
    return `${shown(lacking.text)} asks for a ${lacking.templates.join(' and a ')}, which the caller does not have`;
  }
  const list = listed(patterns.map(({ text }) => text));
  if (scope === 'id') return `${shown(resource)} does not match ${list}`;
  const all = resource === '' ? 'all ids' : `all ids that begin with ${shown(resource)}`;
  return effect === 'deny' ? `none of ${all} matches ${list}` : `not ${all} match ${list}`;
}

function subjectsWords(rule: Rule, request: PolicyRequest): string {
  const all = rule.subjects.map((subject) => subjectWords(subject, rule.effect, request));
  return [...new Set(all)].slice(0, 3).join('; ');
}

/** The first part of the subject that does not hold. */
function subjectWords(subject: Subject, effect: Rule['effect'], { principal }: PolicyRequest): string {
  const { kind, names, groups, namespaces } = subject;
  if (!isSubject({ ...(kind === undefined ? {} : { kind }) }, principal, effect)) {
    if (kind === undefined) return 'callers without credentials are let in by kind: anonymous alone';
    return `the caller is of the kind ${principal.kind}, not ${kind}`;
  }
  if (names !== undefined && !hasText(names, principal.name, principal)) {
    return `the name ${shown(principal.name)} does not match ${listed(textsOf(names))}`;
  }
  if (groups !== undefined && !principal.groups.some((group) => hasText(groups, group, principal))) {
    const own =
      principal.groups.length === 0 ? 'the caller is in no group' : `none of the groups ${listed(principal.groups)}`;
    return principal.groups.length === 0 ? own : `${own} matches ${listed(textsOf(groups))}`;
  }
  if (principal.namespace === undefined) return 'the caller has no namespace';
  return `the namespace ${shown(principal.namespace)} does not match ${listed(namespaces === undefined ? [] : textsOf(namespaces))}`;
}

function conditionWords({ conditions = {}, document }: Rule, request: PolicyRequest): string {
  const given = document.conditions ?? {};
  if (!listenerHolds(conditions, request)) {
    return `the call came in by ${request.listener}, not by ${given.listeners?.join(' or ')}`;
  }
  if (!lengthHolds(conditions, request)) {
    return `${request.length ?? 'any number of'} bytes are asked for, at most ${given.maxLength} are allowed`;
  }
  if (!timeHolds(conditions, request)) {
    const window = Object.entries(given.time ?? {}).map(([name, value]) => `${name} ${[value].flat().join(', ')}`);
    const now = Number.isNaN(request.time.getTime()) ? 'no time' : request.time.toISOString();
    return `it was ${now}, not within ${window.join('; ')} (UTC)`;
  }
  const name = wrongContext(conditions, request) ?? '';
  return `the context has no ${shown(name)} with a value like ${shown(given.context?.[name] ?? '')}`;
}

function textsOf({ patterns }: { patterns: readonly { text: string }[] }): string[] {
  return patterns.map(({ text }) => text);
}

const MAX_LISTED = 5;
const MAX_SHOWN = 200;

function listed(texts: readonly string[]): string {
  const more = texts.length > MAX_LISTED ? ` and ${texts.length - MAX_LISTED} more` : '';
  return `${texts.slice(0, MAX_LISTED).map(shown).join(', ')}${more}`;
}

function shown(text: string): string {
  return JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}
