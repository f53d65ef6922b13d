import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { KeysteadError } from '../../../core/errors.ts';
import { assertWithin, type RateLimits } from '../../../core/rate-limits.ts';
import { chooseType } from '../accept.ts';
import { sendSecret } from '../answer.ts';
import { dataKeyJson } from '../data-key-json.ts';
import { dataKeyRequest, explainDataKeyOption } from '../data-key-request.ts';
import { CALLER, problems } from '../docs.ts';
import { DATA_KEY_EXAMPLE } from '../examples.ts';
import { inParallel } from '../in-parallel.ts';
import { BATCH_BODY_LIMIT } from '../limits.ts';
import { problemOf } from '../plugins/problem.ts';
import type { Route, RouteDeps } from '../route.ts';
import { Create, DataKeyAnswer, object } from '../schemas.ts';
import { strict } from '../strict.ts';

const MAX_REQUESTS = 1000;
/** Keys of one batch that are fetched at a time, where they do not come at once. */
const PARALLEL = 32;

/** Only the form is checked for all at once: a value that is out of its range fails its own request alone. */
const BatchItem = object({
  dataKeyId: Type.String({ description: 'As in the path of the single call.' }),
  length: Type.Optional(Type.Integer({ default: 32, description: 'Bytes of the data key.' })),
  version: Type.Optional(Type.Integer({ description: 'The version that an earlier answer gave.' })),
  create: Type.Optional(Create),
  expect: Type.Optional(Type.String({ description: 'The check value of the key that is expected.' })),
});
const Batch = object(
  { requests: Type.Array(BatchItem, { minItems: 1, maxItems: MAX_REQUESTS }) },
  { examples: [{ requests: [{ dataKeyId: 'volume-1' }, { dataKeyId: 'volume-2', length: 0 }] }] },
);
const BatchAnswer = object({
  results: Type.Array(Type.Union([DataKeyAnswer, object({ problem: Type.Unsafe({ $ref: 'Problem#' }) })]), {
    description: 'In the order of the requests: a data key, or the problem that this request had.',
  }),
});

/** `POST /v1/data-keys/-/batch-get`: up to 1000 data keys in one call. */
export const batchGetDataKeys: Route = {
  method: 'POST',
  url: '/v1/data-keys/-/batch-get',
  access: 'caller',
  query: [],
  bodyLimit: BATCH_BODY_LIMIT,
  docs: {
    operationId: 'batchGetDataKeys',
    summary: 'Get many data keys',
    description:
      'Each request is as the single call, and fails alone: its result is a problem then. A list that is not well-formed fails as a whole.',
    tags: ['data-keys'],
    ...CALLER,
    body: Batch,
    response: {
      200: {
        description: 'One result for each request, in the same order.',
        content: { 'application/json': { schema: BatchAnswer, example: { results: [DATA_KEY_EXAMPLE] } } },
      },
      ...problems(400, 401, 406, 413, 415),
    },
  },
  handler(deps) {
    const check = strict(Batch, 'the body', explainDataKeyOption);
    return async (request, reply) => {
      chooseType(request.raw.headers.accept, ['application/json']);
      assertCount(request.body);
      const { requests } = check(request.body);
      countMembers(requests.length, deps.services.rateLimits, request, reply);
      const results = await inParallel(requests, PARALLEL, (item) => resultOf(item, deps, request));
      return sendSecret(reply, joinResults(results), 'application/json');
    };
  },
};

/** One of them was counted on the way in. Throws `rate-limit`, or `bad-request` for more than there ever is. */
function countMembers(
  count: number,
  rateLimits: RateLimits | undefined,
  { call }: FastifyRequest,
  reply: FastifyReply,
): void {
  const most = rateLimits?.limits.principal ?? 0;
  if (most === 0 || count === 1) return;
  if (count > most) {
    const what = `a batch may have ${most} members here, as many as a caller may send requests a minute, not ${count}`;
    throw new KeysteadError('bad-request', what);
  }
  reply.quota = rateLimits?.principal(call.principal, call.source, count - 1) ?? reply.quota;
  assertWithin(reply.quota ?? undefined, 'principal');
}

/** Before the list is checked: what a schema has to say grows with the list. */
function assertCount(body: unknown): void {
  const requests = typeof body === 'object' && body !== null && 'requests' in body ? body.requests : undefined;
  if (!Array.isArray(requests) || (requests.length > 0 && requests.length <= MAX_REQUESTS)) return;
  throw new KeysteadError('bad-request', `requests must have 1 to ${MAX_REQUESTS} members, not ${requests.length}`);
}

/** The JSON of one result; failures stay with the request that had them. */
async function resultOf(item: Static<typeof BatchItem>, deps: RouteDeps, request: FastifyRequest): Promise<Buffer> {
  try {
    const key = await deps.services.dataKeys.get(dataKeyRequest(item.dataKeyId, item), request.call);
    try {
      return dataKeyJson(key);
    } finally {
      key.key.dispose();
    }
  } catch (thrown) {
    const error = KeysteadError.from(thrown);
    deps.report(error, request);
    return Buffer.from(JSON.stringify({ problem: problemOf(error, request.id) }));
  }
}

const HEAD = Buffer.from('{"results":[');
const TAIL = Buffer.from(']}');
const COMMA = 0x2c;

/** Puts the results together and wipes them. */
function joinResults(results: readonly Buffer[]): Buffer {
  const length = results.reduce((sum, result) => sum + result.length + 1, HEAD.length + TAIL.length - 1);
  const out = Buffer.allocUnsafe(length);
  let at = HEAD.copy(out);
  for (const [n, result] of results.entries()) {
    if (n > 0) out[at++] = COMMA;
    at += result.copy(out, at);
    result.fill(0);
  }
  TAIL.copy(out, at);
  return out;
}
