import { Type } from 'typebox';
import { sendJson } from '../answer.ts';
import { CALLER, problems } from '../docs.ts';
import { REFUSAL_EXAMPLE } from '../examples.ts';
import type { Route } from '../route.ts';
import { object } from '../schemas.ts';

const AuditId = Type.String({
  pattern: '^[0-9a-f]{32}$',
  description: 'As the refusal gave it.',
  examples: [REFUSAL_EXAMPLE.auditId],
});

const TriedRule = object({
  rule: Type.String({ description: 'Its name.' }),
  effect: Type.Enum(['allow', 'deny']),
  failed: Type.Optional(
    Type.Enum(['actions', 'resources', 'subjects', 'conditions'], {
      description: 'The first of its parts that does not hold; absent: the rule applies.',
    }),
  ),
  why: Type.Optional(Type.String({ description: 'In plain words.' })),
});

const Refusal = object({
  time: Type.String({ format: 'date-time' }),
  principal: object({
    kind: Type.String(),
    name: Type.String(),
    groups: Type.Array(Type.String()),
    namespace: Type.Optional(Type.String()),
    serviceAccount: Type.Optional(Type.String()),
  }),
  action: Type.String(),
  resource: Type.String({ description: 'An id; or, of scope `prefix`, what all the ids begin with that it is about.' }),
  scope: Type.Enum(['id', 'prefix']),
  listener: Type.String(),
  length: Type.Optional(Type.Integer({ description: 'Bytes that were asked for.' })),
  rule: Type.String({ description: 'Which rule refused; `default-deny` where none allowed.' }),
  tried: Type.Array(TriedRule, { description: 'Rules of the policy, those that come nearest first; 20 at most.' }),
  rules: Type.Integer({ description: 'How many rules the policy has.' }),
  advice: Type.Optional(Type.String({ description: 'What to do to have it allowed.' })),
  smallestRule: Type.Optional(
    Type.String({ description: 'YAML for the list of rules; absent where no rule would help.' }),
  ),
  original: Type.Boolean({
    description: 'False: the policy of then is not kept any more, and this is what the present one says.',
  }),
});

const Answer = object({
  auditId: AuditId,
  refusals: Type.Array(Refusal, {
    minItems: 1,
    maxItems: 100,
    description: 'Several for a batch, or where callers gave one trace id to several requests.',
  }),
});

/** `GET /v1/system/refusals/{auditId}`: why the policy refused. */
export const explainRefusal: Route = {
  method: 'GET',
  url: '/v1/system/refusals/:auditId',
  access: 'caller',
  query: [],
  docs: {
    operationId: 'explainRefusal',
    summary: 'Explain a refusal',
    description: [
      'Who was refused, which rules were tried, and the smallest rule that would allow it.',
      'The service keeps its last 10,000 refusals in memory.',
    ].join('\n'),
    tags: ['system'],
    ...CALLER,
    params: object({ auditId: AuditId }),
    response: {
      200: {
        description: 'What is known of the refusals with this audit id.',
        content: { 'application/json': { schema: Answer, example: REFUSAL_EXAMPLE } },
      },
      ...problems(400, 401, 403, 404, 503),
    },
  },
  handler({ services }) {
    return async (request, reply) => {
      const { auditId } = request.params as { auditId: string };
      const found = await services.refusals.explain(auditId, request.call);
      const refusals = found.map(({ decision, principal, ...refusal }) => {
        const { kind, name, groups, namespace, serviceAccount } = principal;
        return { ...refusal, principal: { kind, name, groups, namespace, serviceAccount }, rule: decision.rule };
      });
      return sendJson(reply, { auditId, refusals });
    };
  },
};
