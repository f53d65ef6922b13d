import { type Static, Type } from 'typebox';
import { ACTIONS } from '../core/policy.ts';

const strict = { additionalProperties: false };

/** A pattern that stands for the actions of one kind, such as `data-key.*`. */
const FAMILIES = [...new Set(ACTIONS.map((action) => `${action.slice(0, action.indexOf('.'))}.*`))];
export const KINDS = ['service-account', 'oidc', 'certificate', 'token', 'anonymous'] as const;
export const LISTENERS = ['http', 'grpc', 'admin'] as const;
export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
/** What a tenant may do of itself. Nothing of it takes a key away. */
export const TENANT_MAY = ['get', 'create', 'list', 'describe'] as const;
const TENANT_ACTIONS = ACTIONS.filter((action) => action.startsWith('data-key.')).map((action) =>
  action.slice('data-key.'.length),
);

/** Characters: an id of the longest kind, each character of it escaped. */
const MAX_PATTERN = 8192;
const pattern = (description: string, examples: string[]) =>
  Type.String({
    minLength: 1,
    maxLength: MAX_PATTERN,
    description,
    examples,
    'x-takes': 'a pattern, such as team-a/**',
  });
const patterns = (description: string, examples: string[]) =>
  Type.Array(pattern('`*` is any run of characters but `/`, `**` any run.', examples), { minItems: 1, description });
const instant = (description: string) =>
  Type.String({
    pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d)?Z$',
    description,
    examples: ['2027-01-01T00:00Z'],
    'x-takes': 'a time in UTC, such as 2027-01-01T00:00Z',
  });
const name = (description: string) =>
  Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
    description,
    examples: ['team-a-reads'],
    'x-takes': 'at most 64 letters, digits, dots, underscores and dashes',
  });

const Subject = Type.Object(
  {
    kind: Type.Optional(
      Type.Enum([...KINDS], {
        description: 'How the caller is known. Only `anonymous` lets callers without credentials in.',
      }),
    ),
    names: Type.Optional(patterns('Names of callers.', ['system:serviceaccount:team-a:*'])),
    groups: Type.Optional(patterns('Groups; to be in one of them is enough.', ['operators'])),
    namespaces: Type.Optional(patterns('Kubernetes namespaces of callers.', ['team-*'])),
  },
  {
    ...strict,
    minProperties: 1,
    'x-takes': 'a map with at least one of kind, names, groups, namespaces',
    description: 'Who: all that is given must hold.',
  },
);

const Conditions = Type.Object(
  {
    maxLength: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 8160,
        description: 'Bytes of the key at most. For rules that allow.',
        examples: [64],
      }),
    ),
    context: Type.Optional(
      Type.Record(Type.String(), pattern('A pattern for the value.', ['backup']), {
        minProperties: 1,
        'x-takes': 'a map of at least one name with a pattern for its value',
        description: 'What the caller binds to the operation: each of these names must be there with such a value.',
      }),
    ),
    time: Type.Optional(
      Type.Object(
        {
          days: Type.Optional(
            Type.Array(Type.Enum([...DAYS]), { minItems: 1, description: 'Days of the week, in UTC.' }),
          ),
          hours: Type.Optional(
            Type.String({
              pattern: '^([01]\\d|2[0-3]):[0-5]\\d-(([01]\\d|2[0-3]):[0-5]\\d|24:00)$',
              description: 'Hours of each such day, in UTC: from the first minute on, before the second one.',
              examples: ['08:00-18:00'],
              'x-takes': 'hours in UTC, such as 08:00-18:00 or 22:00-06:00, in quotes',
            }),
          ),
          notBefore: Type.Optional(instant('From then on.')),
          notAfter: Type.Optional(instant('Before then.')),
        },
        { ...strict, minProperties: 1, 'x-takes': 'a map with at least one of days, hours, notBefore, notAfter' },
      ),
    ),
    listeners: Type.Optional(
      Type.Array(Type.Enum([...LISTENERS]), { minItems: 1, description: 'Where the call came in.' }),
    ),
  },
  { ...strict, minProperties: 1, 'x-takes': 'a map with at least one of maxLength, context, time, listeners' },
);

const Rule = Type.Object(
  {
    name: name('Stands in the audit trail; no two rules have the same.'),
    effect: Type.Enum(['allow', 'deny'], { description: 'A rule that denies wins over all that allow.' }),
    subjects: Type.Array(Subject, { minItems: 1, description: 'Who: one of these.' }),
    actions: Type.Array(
      Type.Enum([...ACTIONS, ...FAMILIES], { 'x-takes': 'an action, such as data-key.get or data-key.*' }),
      { minItems: 1, description: 'What: one of these.' },
    ),
    resources: Type.Optional(
      patterns(
        'On what: ids of data keys, names of KEKs. May be left out where all actions are of `system` and `policy`.',
        ['{{namespace}}/**'],
      ),
    ),
    conditions: Type.Optional(Conditions),
  },
  strict,
);

const Tenant = Type.Object(
  {
    name: Type.Optional(name('As of a rule; `tenants[0]` and so on when absent.')),
    namespaces: patterns('Kubernetes namespaces that are each a tenant.', ['team-*']),
    prefix: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_PATTERN,
        default: '{{namespace}}/',
        description: 'What the ids of a tenant begin with, and those of nobody else.',
        examples: ['{{namespace}}/'],
      }),
    ),
    may: Type.Optional(
      Type.Array(Type.Enum(TENANT_ACTIONS), {
        minItems: 1,
        default: [...TENANT_MAY],
        description: 'What ServiceAccounts of the namespace may do with their data keys.',
      }),
    ),
    conditions: Type.Optional(Conditions),
  },
  strict,
);

/** The policy document: types, checks, JSON schema and reference come from here. */
export const PolicySchema = Type.Object(
  {
    version: Type.Literal(1, { description: 'Of this format.' }),
    tenants: Type.Optional(Type.Array(Tenant, { description: 'A namespace gets its own prefix with one line.' })),
    rules: Type.Optional(Type.Array(Rule, { description: 'In any order.' })),
  },
  { ...strict, title: 'Keystead policy', description: 'Who may do what to which keys.' },
);

export type PolicyDocument = Static<typeof PolicySchema>;
export type RuleDocument = Static<typeof Rule>;
export type TenantDocument = Static<typeof Tenant>;
export type SubjectDocument = Static<typeof Subject>;
export type ConditionsDocument = Static<typeof Conditions>;

/** The JSON schema of the document, for editors. */
export function policyJsonSchema(): object {
  const id = 'urn:keystead:policy:1';
  const plain = JSON.parse(JSON.stringify(PolicySchema, (key, value) => (key === 'x-takes' ? undefined : value)));
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', $id: id, ...plain };
}
