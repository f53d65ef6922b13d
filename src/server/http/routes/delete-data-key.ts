import { Type } from 'typebox';
import { sendJson } from '../answer.ts';
import { CALLER, problems } from '../docs.ts';
import { etagText, ifMatch, sendEtag } from '../etag.ts';
import { STORED_DATA_KEY_EXAMPLE } from '../examples.ts';
import { assertNoOptions } from '../no-options.ts';
import type { Route } from '../route.ts';
import { DataKeyId, ETAG_HEADER, Etag, object } from '../schemas.ts';

const DeletedAnswer = object({
  dataKeyId: Type.String({ description: 'The id of the data key.' }),
  state: Type.Literal('pending-deletion'),
  purgeAt: Type.String({
    format: 'date-time',
    description: 'Until then it can be restored; then it is gone for good.',
  }),
  etag: Etag,
});

/** `DELETE /v1/data-keys/{id}`: out of use now, gone for good later. */
export const deleteDataKey: Route = {
  method: 'DELETE',
  url: '/v1/data-keys/:id',
  access: 'caller',
  query: [],
  docs: {
    operationId: 'deleteDataKey',
    summary: 'Delete a data key',
    description: [
      'From now on nobody gets the key, in none of its versions. Until `purgeAt` it can be restored.',
      'What is encrypted under a key that was purged can never be read again.',
    ].join('\n'),
    tags: ['data-keys'],
    ...CALLER,
    params: object({ id: DataKeyId }),
    headers: object({
      'If-Match': Type.String({
        pattern: '^"[!#-~]*"$',
        description:
          'The `ETag` of the description that the decision is based on, in its quotes. Without it the answer is 400; when the data key has changed since, it is 412 and nothing is deleted.',
        examples: [`"${STORED_DATA_KEY_EXAMPLE.etag}"`],
      }),
    }),
    response: {
      202: {
        description: 'It is pending deletion.',
        headers: ETAG_HEADER,
        content: {
          'application/json': {
            schema: DeletedAnswer,
            example: {
              dataKeyId: STORED_DATA_KEY_EXAMPLE.dataKeyId,
              state: 'pending-deletion',
              purgeAt: '2026-12-22T21:06:00.000Z',
              etag: '8',
            },
          },
        },
      },
      ...problems(400, 401, 403, 404, 409, 412, 503),
    },
  },
  handler({ services }) {
    return async (request, reply) => {
      assertNoOptions(request);
      const { id } = request.params as { id: string };
      const { state, purgeAt, etag } = await services.dataKeys.delete(id, ifMatch(request), request.call);
      sendEtag(reply.code(202), etag);
      return sendJson(reply, { dataKeyId: id, state, purgeAt: purgeAt.toISOString(), etag: etagText(etag) });
    };
  },
};
