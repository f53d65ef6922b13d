import { ADMIN_GROUP } from '../core/policy.ts';
import type { CompiledPolicy } from './compile.ts';
import { isEverything } from './contains.ts';
import { Hiding } from './hiding.ts';
import { matches, type Pattern } from './pattern.ts';
import type { Rule, Subject } from './rule.ts';
import { overlappingTenants } from './tenant.ts';

/** Something in a good policy that is hardly meant. */
export interface Finding {
  readonly rule: string;
  /** Where it stands in the document. */
  readonly path: string;
  readonly kind:
    | 'unreachable'
    | 'shadowed-deny'
    | 'never-matches'
    | 'expired'
    | 'open-template'
    | 'overlapping-tenants'
    | 'allow-all'
    | 'anonymous'
    | 'dodgeable-deny'
    | 'admins';
  readonly text: string;
}

/** What is hardly meant. Tells no finding that is not one; may miss some. */
export function lintPolicy({ rules }: CompiledPolicy, now: Date): Finding[] {
  const hiding = new Hiding(rules);
  return [
    ...rules.flatMap((rule) => [...alone(rule, now), ...hidden(rule, hiding)]),
    ...overlappingTenants(rules).map(({ rule, other }) =>
      finding(
        rule,
        'overlapping-tenants',
        `its ids may begin with a prefix of ${other.name}: one tenant could reach another`,
      ),
    ),
  ];
}

/** A rule that another one makes needless: that denies all it allows, or says the same of more. */
function hidden(rule: Rule, hiding: Hiding): Finding[] {
  const denying = hiding.first(rule, 'deny');
  if (denying !== undefined) {
    return rule.effect === 'deny'
      ? [finding(rule, 'shadowed-deny', `${denying.name} denies all of it already`)]
      : [finding(rule, 'unreachable', `${denying.name} denies all that it allows`)];
  }
  if (rule.effect === 'deny') return [];
  const allowing = hiding.first(rule, 'allow');
  return allowing === undefined ? [] : [finding(rule, 'unreachable', `${allowing.name} allows all of it already`)];
}

function* alone(rule: Rule, now: Date): Generator<Finding> {
  const { effect, subjects, resources, conditions } = rule;
  const patterns = resources?.patterns ?? [];
  if (subjects.every(isNobody)) {
    yield finding(rule, 'never-matches', 'only ServiceAccounts have namespaces: no caller of that kind is in one');
  } else if (
    patterns.length > 0 &&
    patterns.every(({ templates }) => templates.length > 0) &&
    subjects.every(lacksTemplates)
  ) {
    yield finding(
      rule,
      'never-matches',
      'only ServiceAccounts have what its templates ask for, and it is about others',
    );
  }
  const end = conditions?.time?.notAfter;
  if (end !== undefined && end <= now.getTime())
    yield finding(rule, 'expired', 'its notAfter is over: it never applies again');
  for (const { text } of patterns.filter(isOpenTemplate)) {
    yield finding(
      rule,
      'open-template',
      `${text} also matches ids of names that begin alike: put a / behind the template`,
    );
  }
  if (
    subjects.some(
      ({ groups }) => groups?.patterns.some((pattern) => matches(pattern, ADMIN_GROUP)) && !isEverything(groups),
    )
  ) {
    yield finding(rule, 'admins', `members of ${ADMIN_GROUP} may do everything, whatever a rule says`);
  }
  if (effect === 'deny' && conditions?.context !== undefined) {
    yield finding(rule, 'dodgeable-deny', 'whoever leaves the context out is not denied: allow what is right instead');
  }
  if (effect === 'allow' && subjects.some(({ kind }) => kind === 'anonymous')) {
    yield finding(rule, 'anonymous', 'whoever can reach the listener has what this allows');
  } else if (effect === 'allow' && isEverything(resources) && subjects.some(isEverybody)) {
    yield finding(rule, 'allow-all', 'every caller that can be told from others may do this with every id');
  }
}

function finding({ name, path }: Rule, kind: Finding['kind'], text: string): Finding {
  return { rule: name, path, kind, text };
}

function isNobody({ kind, namespaces }: Subject): boolean {
  return namespaces !== undefined && kind !== undefined && kind !== 'service-account';
}

function lacksTemplates({ kind }: Subject): boolean {
  return kind !== undefined && kind !== 'service-account';
}

function isEverybody({ kind, names, groups, namespaces }: Subject): boolean {
  return kind === undefined && isEverything(names) && groups === undefined && namespaces === undefined;
}

/** `{{namespace}}*`, `{{namespace}}-**`: a run that follows before any slash does. */
function isOpenTemplate({ tokens }: Pattern): boolean {
  return tokens.some((token, at) => {
    if (typeof token === 'string' || !('template' in token)) return false;
    const [next, then] = tokens.slice(at + 1);
    if (typeof next === 'string') return !next.includes('/') && then !== undefined;
    return next !== undefined;
  });
}
