import type { Principal } from '../../../src/core/call.ts';
import { ADMIN_GROUP, type PolicyRequest } from '../../../src/core/policy.ts';
import type { ConditionsDocument, PolicyDocument, RuleDocument, SubjectDocument } from '../../../src/policy/schema.ts';

// A second evaluator, as slow and plain as can be, straight from the document: what the real one is compared with.

/** The language of a pattern for this principal, as a regular expression; undefined where a template cannot be filled. */
export function regexOf(pattern: string, principal?: Principal): RegExp | undefined {
  let source = '';
  let rest = pattern;
  while (rest !== '') {
    const [whole, escaped, template, stars, plain] =
      /^(?:\\([\s\S])|\{\{(\w+)\}\}|(\*+)|([\s\S]))/.exec(rest) ?? ([''] as string[]);
    if (template !== undefined) {
      const value = principal?.[template as 'namespace'];
      if (value === undefined || value === '' || value.includes('/')) return undefined;
      source += quoted(value);
    } else if (stars !== undefined) {
      source += stars === '*' ? '[^/]*' : '[^]*';
    } else {
      source += quoted((escaped ?? plain) as string);
    }
    rest = rest.slice((whole as string).length);
  }
  return new RegExp(`^(?:${source})$`);
}

/** Every text over an alphabet up to a length. */
export function textsOf(alphabet: readonly string[], most: number): string[] {
  const all = [''];
  for (let from = 0, length = 1; length <= most; length++) {
    const until = all.length;
    for (let at = from; at < until; at++) for (const unit of alphabet) all.push(`${all[at]}${unit}`);
    from = until;
  }
  return all;
}

/** The decision in the words of the promise; `rule` is the first by name. For requests about one id. */
export function referenceDecision(
  document: PolicyDocument,
  request: PolicyRequest,
): { allowed: boolean; rule: string } {
  if (request.principal.groups.includes(ADMIN_GROUP)) return { allowed: true, rule: 'admins' };
  const applying = rulesOf(document)
    .filter((rule) => referenceApplies(rule, request))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const decisive = applying.find(({ effect }) => effect === 'deny') ?? applying[0];
  return decisive === undefined
    ? { allowed: false, rule: 'default-deny' }
    : { allowed: decisive.effect === 'allow', rule: decisive.name };
}

function rulesOf({ tenants = [], rules = [] }: PolicyDocument): RuleDocument[] {
  return [
    ...tenants.map((tenant, at): RuleDocument => {
      const { name = `tenants[${at}]`, namespaces, prefix = '{{namespace}}/', conditions } = tenant;
      const may = tenant.may ?? ['get', 'create', 'list', 'describe'];
      return {
        name,
        effect: 'allow',
        subjects: [{ kind: 'service-account', namespaces }],
        actions: may.map((action) => `data-key.${action}` as 'data-key.get'),
        resources: [`${prefix}**`],
        ...(conditions && { conditions }),
      };
    }),
    ...rules,
  ];
}

function referenceApplies(rule: RuleDocument, request: PolicyRequest): boolean {
  const { principal, action, resource } = request;
  const like = (patterns: readonly string[], text: string) =>
    patterns.some((pattern) => regexOf(pattern, principal)?.test(text) === true);
  const isSubject = ({ kind, names, groups, namespaces }: SubjectDocument) =>
    (kind === undefined || kind === principal.kind) &&
    (kind === 'anonymous' || rule.effect === 'deny' || principal.kind !== 'anonymous') &&
    (names === undefined || like(names, principal.name)) &&
    (groups === undefined || principal.groups.some((group) => like(groups, group))) &&
    (namespaces === undefined || (principal.namespace !== undefined && like(namespaces, principal.namespace)));
  return (
    rule.actions.some((each) => each === action || (each.endsWith('.*') && action.startsWith(each.slice(0, -1)))) &&
    rule.subjects.some(isSubject) &&
    (rule.resources === undefined || like(rule.resources, resource)) &&
    (rule.conditions === undefined || referenceConditions(rule.conditions, request))
  );
}

function referenceConditions(conditions: ConditionsDocument, request: PolicyRequest): boolean {
  const { maxLength, context = {}, time, listeners } = conditions;
  const asksLength = ['data-key.get', 'data-key.create', 'kek.generate-data-key'].includes(request.action);
  const lengthFits = request.length === undefined ? !asksLength : request.length <= (maxLength ?? Infinity);
  return (
    (maxLength === undefined || lengthFits) &&
    (listeners === undefined || (listeners as string[]).includes(request.listener)) &&
    Object.entries(context).every(
      ([name, pattern]) =>
        request.context?.[name] !== undefined &&
        regexOf(pattern, request.principal)?.test(request.context[name]) === true,
    ) &&
    (time === undefined || referenceTime(time, request.time.toISOString()))
  );
}

/** By the digits of the ISO form, which order as times do. */
function referenceTime(time: NonNullable<ConditionsDocument['time']>, now: string): boolean {
  const { days, hours, notBefore, notAfter } = time;
  const day = new Intl.DateTimeFormat('en', { weekday: 'short', timeZone: 'UTC' }).format(new Date(now)).toLowerCase();
  const minute = now.slice(11, 16);
  const [from = '', to = ''] = hours?.split('-') ?? [];
  const inHours = from < to ? minute >= from && minute < to : minute >= from || minute < to;
  return (
    (days === undefined || (days as string[]).includes(day)) &&
    (hours === undefined || inHours) &&
    (notBefore === undefined || now >= new Date(notBefore).toISOString()) &&
    (notAfter === undefined || now < new Date(notAfter).toISOString())
  );
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
