import { Type } from 'typebox';
import { MAX_ID_LENGTH } from '../../../core/data-key-id.ts';
import { KeysteadError } from '../../../core/errors.ts';
import { sendJson } from '../answer.ts';
import { dataKeyInfo } from '../data-key-info.ts';
import { CALLER, problems } from '../docs.ts';
import { DATA_KEY_INFO_EXAMPLE } from '../examples.ts';
import { rawQuery } from '../plugins/admission.ts';
import { readQuery, readWholeNumber } from '../query.ts';
import type { Route } from '../route.ts';
import { DataKeyInfoAnswer, object } from '../schemas.ts';

const NAMES = ['prefix', 'page_size', 'page_token'] as const;
const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 1000;
/** base64url of at least one byte. */
const TOKEN = '^(?:[A-Za-z0-9_-]{4})*[A-Za-z0-9_-]{2,4}$';
const MAX_TOKEN_LENGTH = Math.ceil((MAX_ID_LENGTH * 4) / 3) + 2;

/** `GET /v1/data-keys`: what is known of the data keys whose ids begin so, page by page. */
export const listDataKeys: Route = {
  method: 'GET',
  url: '/v1/data-keys',
  access: 'caller',
  query: NAMES,
  docs: {
    operationId: 'listDataKeys',
    summary: 'List data keys',
    description: 'Metadata only, ordered by the bytes of the ids. Derived keys are not listed: every id has one.',
    tags: ['data-keys'],
    ...CALLER,
    querystring: object({
      prefix: Type.Optional(Type.String({ maxLength: MAX_ID_LENGTH, description: 'What the ids begin with.' })),
      page_size: Type.Optional(
        Type.Integer({ minimum: 1, maximum: MAX_PAGE_SIZE, default: DEFAULT_PAGE_SIZE, description: 'Keys at most.' }),
      ),
      page_token: Type.Optional(
        Type.String({
          pattern: TOKEN,
          maxLength: MAX_TOKEN_LENGTH,
          description: '`nextPageToken` of the page before.',
        }),
      ),
    }),
    response: {
      200: {
        description: 'One page.',
        content: {
          'application/json': {
            schema: object({
              dataKeys: Type.Array(DataKeyInfoAnswer),
              nextPageToken: Type.Optional(Type.String({ description: 'Absent on the last page.' })),
            }),
            example: { dataKeys: [DATA_KEY_INFO_EXAMPLE] },
          },
        },
      },
      ...problems(400, 401, 403, 503),
    },
  },
  handler({ services }) {
    return async (request, reply) => {
      const { prefix = '', page_size, page_token } = readQuery(rawQuery(request), NAMES);
      const limit = page_size === undefined ? DEFAULT_PAGE_SIZE : readPageSize(page_size);
      const from = page_token === undefined ? undefined : readToken(page_token);
      const page = await services.dataKeys.list(prefix, from, limit, request.call);
      return sendJson(reply, {
        dataKeys: page.items.map(dataKeyInfo),
        ...(page.next === undefined ? {} : { nextPageToken: Buffer.from(page.next).toString('base64url') }),
      });
    };
  },
};

function readPageSize(text: string): number {
  const size = readWholeNumber(text, 'page_size');
  if (size >= 1 && size <= MAX_PAGE_SIZE) return size;
  throw new KeysteadError('bad-request', `page_size must be a whole number from 1 to ${MAX_PAGE_SIZE}, not ${text}`);
}

/** A token is the place where the next page begins, and no secret: one that we did not give begins anywhere. */
function readToken(token: string): string {
  if (token.length <= MAX_TOKEN_LENGTH && new RegExp(TOKEN).test(token))
    return Buffer.from(token, 'base64url').toString();
  throw new KeysteadError('bad-request', 'page_token is not one that an earlier page gave as nextPageToken');
}
