import fc from 'fast-check';
import { readDocument } from '../../../src/config/document.ts';
import { ADMIN_GROUP, type PolicyRequest } from '../../../src/core/policy.ts';
import { type CompiledPolicy, compilePolicy } from '../../../src/policy/compile.ts';
import {
  DAYS,
  type PolicyDocument,
  PolicySchema,
  type RuleDocument,
  type SubjectDocument,
} from '../../../src/policy/schema.ts';

/** The policy of a document, which must be a good one. */
export function policyOf(document: PolicyDocument): CompiledPolicy {
  const compiled = compilePolicy(document);
  if ('problems' in compiled) throw new Error(JSON.stringify(compiled.problems));
  return compiled.policy;
}

/** The policy of a YAML text, which must be a good one. */
export function policyOfYaml(text: string): CompiledPolicy {
  const read = readDocument(Buffer.from(text), PolicySchema);
  if ('problems' in read) throw new Error(JSON.stringify(read.problems));
  return policyOf(read.value);
}

/** A request by a ServiceAccount of the namespace team-a. */
export function request(over: Partial<PolicyRequest> = {}): PolicyRequest {
  return {
    principal: serviceAccount('team-a'),
    action: 'data-key.get',
    resource: 'team-a/volume-1',
    scope: 'id',
    listener: 'http',
    time: new Date('2026-11-23T09:30:00Z'),
    length: 32,
    ...over,
  };
}

export function serviceAccount(namespace: string, name = 'csi'): PolicyRequest['principal'] {
  return {
    kind: 'service-account',
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: [],
    namespace,
    serviceAccount: name,
  };
}

// Few words, so that rules and requests often meet.
const word = fc.constantFrom('a', 'ab', 'b', 'a/b', 'b/a', 'ab/a', 'a/b/c', 'c');
const pattern = fc.oneof(
  word,
  fc.tuple(word, fc.constantFrom('*', '/*', '/**', '**', '*/b')).map(([head, run]) => head + run),
  fc.constantFrom('**', '*', '**/b', '{{namespace}}/**', '{{namespace}}', 'b/{{serviceAccount}}*', '*/{{namespace}}'),
);
const plain = fc.oneof(pattern, fc.constant('**')).filter((text) => !text.includes('{{'));
const some = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 3 });
const kind = fc.constantFrom('service-account', 'oidc', 'anonymous' as const);

const oneField = fc.oneof(
  fc.record({ names: some(plain) }),
  fc.record({ groups: some(plain) }),
  fc.record({ namespaces: some(plain) }),
  fc.record({ kind }),
);
const subject: fc.Arbitrary<SubjectDocument> = fc.oneof(
  { weight: 3, arbitrary: oneField },
  fc.tuple(oneField, oneField).map(([one, other]) => ({ ...one, ...other })),
);
const hours = fc.constantFrom('08:00-18:00', '22:00-06:00', '09:30-09:31', '00:00-24:00');
const time = fc
  .record(
    {
      days: some(fc.constantFrom(...DAYS)),
      hours,
      notBefore: fc.constantFrom('2026-11-22T00:00Z', '2026-11-23T09:30Z'),
      notAfter: fc.constantFrom('2026-11-24T00:00Z', '2026-11-23T09:31Z'),
    },
    { requiredKeys: [] },
  )
  .filter((each) => Object.keys(each).length > 0);
const conditions = fc.record(
  {
    maxLength: fc.constantFrom(16, 32, 64),
    context: fc.dictionary(fc.constantFrom('x', 'y'), pattern, { minKeys: 1 }),
    time,
    listeners: some(fc.constantFrom('http', 'grpc' as const)),
  },
  { requiredKeys: [] },
);
const action = fc.constantFrom('data-key.get', 'data-key.create', 'data-key.*', 'kek.seal', 'system.*', 'kek.*');

const rule = fc
  .record({
    effect: fc.constantFrom('allow', 'allow', 'deny'),
    subjects: some(subject),
    actions: some(action),
    resources: some(pattern),
    conditions: fc.option(conditions, { nil: undefined, freq: 2 }),
  })
  .map(({ conditions: within, ...each }) => {
    const anonymous = each.subjects.some((one) => one.kind === 'anonymous');
    const { maxLength, ...others } = within ?? {};
    const kept = each.effect === 'deny' ? others : { ...others, ...(maxLength && { maxLength }) };
    const needed = anonymous ? { listeners: ['grpc'], ...kept } : kept;
    return { ...each, ...(Object.keys(needed).length > 0 && { conditions: needed }) } as Omit<RuleDocument, 'name'>;
  });

/** Documents of a few rules, all of them valid. */
export const documents: fc.Arbitrary<PolicyDocument> = fc
  .record({
    tenants: fc.array(fc.record({ namespaces: some(plain) }), { maxLength: 2 }),
    rules: fc.array(rule, { maxLength: 12 }),
  })
  .map(({ tenants, rules }) => ({
    version: 1 as const,
    tenants: tenants.map((tenant, at) => ({ ...tenant, name: `t${at}` })),
    rules: rules.map((each, at) => ({ ...each, name: `r${at}` })),
  }));

/** Requests for one id, made of the same words. */
export const requests: fc.Arbitrary<PolicyRequest> = fc
  .record({
    kind,
    name: word,
    groups: fc.array(fc.oneof({ weight: 20, arbitrary: word }, fc.constant(ADMIN_GROUP)), { maxLength: 3 }),
    namespace: fc.option(word, { nil: undefined }),
    serviceAccount: fc.option(word, { nil: undefined }),
    action: fc.constantFrom('data-key.get', 'data-key.create', 'data-key.list', 'kek.seal', 'system.seal' as const),
    resource: fc.oneof(
      word,
      fc.tuple(word, word).map(([a, b]) => `${a}/${b}`),
    ),
    listener: fc.constantFrom('http', 'grpc' as const),
    length: fc.constantFrom(undefined, 16, 32, 33),
    context: fc.option(fc.dictionary(fc.constantFrom('x', 'y'), word), { nil: undefined }),
    time: fc.date({ min: new Date('2026-11-21T00:00Z'), max: new Date('2026-11-25T00:00Z'), noInvalidDate: true }),
  })
  .map(({ kind, name, groups, namespace, serviceAccount, length, context, ...rest }) => ({
    ...rest,
    scope: 'id' as const,
    principal: { kind, name, groups, ...(namespace && { namespace }), ...(serviceAccount && { serviceAccount }) },
    ...(length !== undefined && { length }),
    ...(context !== undefined && { context }),
  }));
