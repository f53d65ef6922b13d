import { Type } from 'typebox';
import { MAX_ID_LENGTH } from '../../../core/data-key-id.ts';
import { readPageToken, writePageToken } from '../../../core/page-token.ts';
import { sendJson } from '../answer.ts';
import { dataKeyInfo } from '../data-key-info.ts';
import { CALLER, problems } from '../docs.ts';
import { DATA_KEY_INFO_EXAMPLE } from '../examples.ts';
import { FailedRecordAnswer, failedRecord } from '../failed-record.ts';
import { rawQuery } from '../plugins/admission.ts';
import { readQuery, readWholeNumber } from '../query.ts';
import type { Route } from '../route.ts';
import { DataKeyInfoAnswer, MAX_PAGE_SIZE, NextPageToken, object, PageSize, PageToken } from '../schemas.ts';

const NAMES = ['prefix', 'page_size', 'page_token'] as const;
const OPERATION = 'listDataKeys';
const DEFAULT_PAGE_SIZE = 100;

/** `GET /v1/data-keys`: what is known of the data keys whose ids begin so, page by page. */
export const listDataKeys: Route = {
  method: 'GET',
  url: '/v1/data-keys',
  access: 'caller',
  query: NAMES,
  docs: {
    operationId: OPERATION,
    summary: 'List data keys',
    description:
      'Metadata only, in the order of the names in the store. Derived keys are not listed: every id has one.',
    tags: ['data-keys'],
    ...CALLER,
    querystring: object({
      prefix: Type.Optional(Type.String({ maxLength: MAX_ID_LENGTH, description: 'What the ids begin with.' })),
      page_size: Type.Optional(PageSize),
      page_token: Type.Optional(PageToken),
    }),
    response: {
      200: {
        description: 'One page.',
        content: {
          'application/json': {
            schema: object({
              dataKeys: Type.Array(DataKeyInfoAnswer),
              failed: Type.Optional(
                Type.Array(FailedRecordAnswer, {
                  description: 'Records of such data keys that cannot be read. Absent where all could.',
                }),
              ),
              nextPageToken: NextPageToken,
            }),
            example: { dataKeys: [DATA_KEY_INFO_EXAMPLE] },
          },
        },
      },
      ...problems(400, 401, 403, 404, 503),
    },
  },
  handler({ services }) {
    return async (request, reply) => {
      const { prefix = '', page_size, page_token } = readQuery(rawQuery(request), NAMES);
      const limit =
        page_size === undefined ? DEFAULT_PAGE_SIZE : readWholeNumber(page_size, 'page_size', MAX_PAGE_SIZE);
      const { tokenKey } = services;
      const scope = { operation: OPERATION, prefix };
      const { call } = request;
      const from =
        page_token === undefined ? undefined : () => readPageToken(tokenKey, scope, page_token, 'page_token', call);
      const { items, failures, next } = await services.dataKeys.list(prefix, from, limit, call);
      return sendJson(reply, {
        dataKeys: items.map(dataKeyInfo),
        ...(failures === undefined ? {} : { failed: failures.map(failedRecord) }),
        ...(next === undefined ? {} : { nextPageToken: await writePageToken(tokenKey, scope, next, call) }),
      });
    };
  },
};
