import { type Static, Type } from 'typebox';
import { readPageToken, writePageToken } from '../../core/page-token.ts';
import type { DataKeyJobs } from '../../data-keys/data-keys.ts';
import { sendJson } from './answer.ts';
import { CALLER, problems } from './docs.ts';
import { FailedRecordAnswer, failedRecord } from './failed-record.ts';
import type { Route, RouteDeps } from './route.ts';
import { NextPageToken, object, PageSize, PageToken } from './schemas.ts';
import { strict } from './strict.ts';

// A walk over all data keys, a page for each call: the caller drives it, sees how far it is, and goes on with the last
// token after whatever happened. Nothing runs that nobody waits for.

const PageRequest = object(
  { pageSize: Type.Optional(PageSize), pageToken: Type.Optional(PageToken) },
  { examples: [{}, { pageSize: 100 }] },
);

const PageAnswer = object({
  done: Type.Integer({ minimum: 0, description: 'Records that were looked at.' }),
  changed: Type.Integer({ minimum: 0, description: 'Records of them that were written anew.' }),
  failed: Type.Array(FailedRecordAnswer, {
    description: 'Records that something is wrong with; they stayed as they were.',
  }),
  nextPageToken: NextPageToken,
});

const DEFAULT_PAGE_SIZE = 100;

interface Job {
  readonly url: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tag: string;
  readonly run: Extract<keyof DataKeyJobs, 'rewrapAll' | 'verifyAll'>;
}

/** The route of one such walk. */
export function jobRoute({ url, operationId, summary, description, tag, run }: Job): Route {
  return {
    method: 'POST',
    url,
    access: 'caller',
    query: [],
    bodyOptional: true,
    docs: {
      operationId,
      summary,
      description: `${description}\nOne call does one page: call again with \`nextPageToken\` until there is none.\nWhile the KMS or the store is away, a page fails as a whole, and can be asked for again.\nA former KEK that is away fails the records that are under it, and no others.`,
      tags: [tag],
      ...CALLER,
      body: PageRequest,
      response: {
        200: {
          description: 'What came of this page.',
          content: { 'application/json': { schema: PageAnswer, example: { done: 2, changed: 0, failed: [] } } },
        },
        ...problems(400, 401, 403, 404, 409, 413, 415, 503),
      },
    },
    handler: (deps) => jobHandler(deps, run, operationId),
  };
}

function jobHandler({ services }: RouteDeps, run: Job['run'], operation: string): ReturnType<Route['handler']> {
  const check = strict(PageRequest, 'the body');
  const scope = { operation };
  return async (request, reply) => {
    const { call, body } = request;
    const { pageSize = DEFAULT_PAGE_SIZE, pageToken } = body === undefined ? {} : check(body);
    const from =
      pageToken === undefined ? undefined : () => readPageToken(services.tokenKey, scope, pageToken, 'pageToken', call);
    const job = { limit: pageSize, ...(from === undefined ? {} : { from }) };
    const { done, changed, failures, next } = await services.dataKeyJobs[run](job, call);
    const answer: Static<typeof PageAnswer> = { done, changed, failed: failures.map(failedRecord) };
    if (next !== undefined) answer.nextPageToken = await writePageToken(services.tokenKey, scope, next, call);
    return sendJson(reply, answer);
  };
}
