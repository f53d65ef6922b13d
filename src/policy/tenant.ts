import type { Report } from './compile-rule.ts';
import { matches, parsePattern } from './pattern.ts';
import type { Rule } from './rule.ts';
import { type RuleDocument, TENANT_MAY, type TenantDocument } from './schema.ts';

const DEFAULT_PREFIX = '{{namespace}}/';

/**
 * The rule that a tenant's line stands for. What is reported makes it unfit for use: a prefix must tell namespaces
 * apart, so that no id begins with the prefixes of two.
 */
export function tenantRule(tenant: TenantDocument, path: string, report: Report): RuleDocument {
  const { name = path, namespaces, prefix = DEFAULT_PREFIX, may = [...TENANT_MAY], conditions } = tenant;
  const flaw = prefixFlaw(prefix);
  if (flaw !== undefined) report(`${path}.prefix`, flaw);
  return {
    name,
    effect: 'allow',
    subjects: [{ kind: 'service-account', namespaces }],
    actions: may.map((action) => `data-key.${action}` as RuleDocument['actions'][number]),
    resources: [`${prefix}**`],
    ...(conditions === undefined ? {} : { conditions }),
  };
}

function prefixFlaw(prefix: string): string | undefined {
  const pattern = parsePattern(prefix);
  if ('wrong' in pattern) return pattern.wrong;
  const { tokens, templates } = pattern;
  if (tokens.some((token) => typeof token !== 'string' && 'run' in token)) return 'must not have a *: it is one prefix';
  if (!templates.includes('namespace')) return 'must have {{namespace}}: without it, tenants would share it';
  const last = tokens.at(-1);
  if (typeof last !== 'string' || !last.endsWith('/')) {
    return 'must end in /: without it, the tenant a would have the ids of the tenant ab';
  }
  const touching = tokens.some((token, at) => {
    const between = tokens[at + 1];
    const isTemplate = typeof token !== 'string' && 'template' in token;
    return isTemplate && (typeof between !== 'string' || (at + 2 < tokens.length && !between.includes('/')));
  });
  return touching ? 'must have a / between two templates: without it, two tenants could have one prefix' : undefined;
}

/**
 * Tenants of two lines whose prefixes may begin alike: `{{namespace}}/` of a namespace `eu` holds `eu/{{namespace}}/`.
 */
export function overlappingTenants(rules: readonly Rule[]): { readonly rule: Rule; readonly other: Rule }[] {
  const tenants = rules.filter(({ path }) => path.startsWith('tenants['));
  return tenants.flatMap((rule) =>
    tenants
      .filter((other) => other !== rule && prefixOf(other) !== prefixOf(rule) && beginAlike(other, rule))
      .map((other) => ({ rule, other })),
  );
}

function prefixOf({ document }: Rule): string {
  return (document.resources?.[0] ?? '').slice(0, -'**'.length);
}

/** Whether the segments of the first one, which are not more, could be the first ones of the second. */
function beginAlike(shorter: Rule, longer: Rule): boolean {
  const [few, many] = [prefixOf(shorter).split('/').slice(0, -1), prefixOf(longer).split('/').slice(0, -1)];
  if (few.length > many.length) return false;
  return few.every((segment, at) => segmentsMeet(segment, shorter, many[at] as string, longer));
}

function segmentsMeet(a: string, ofA: Rule, b: string, ofB: Rule): boolean {
  const [openA, openB] = [a.includes('{{'), b.includes('{{')];
  if (!openA && !openB) return a === b;
  if (openA && openB) return true;
  const [template, rule, text] = openA ? [a, ofA, b] : [b, ofB, a];
  const pattern = parsePattern(template.replace(/\{\{\w+\}\}/, '*'));
  if ('wrong' in pattern || !matches(pattern, text)) return false;
  const [{ namespaces } = {}] = rule.subjects;
  return template !== '{{namespace}}' || namespaces?.patterns.some((each) => matches(each, text)) === true;
}
