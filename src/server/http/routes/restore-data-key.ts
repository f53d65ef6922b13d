import { sendJson } from '../answer.ts';
import { dataKeyInfo } from '../data-key-info.ts';
import { CALLER, problems } from '../docs.ts';
import { sendEtag } from '../etag.ts';
import { STORED_DATA_KEY_EXAMPLE } from '../examples.ts';
import { assertNoOptions, NoOptions } from '../no-options.ts';
import type { Route } from '../route.ts';
import { DataKeyId, DataKeyInfoAnswer, ETAG_HEADER, object } from '../schemas.ts';

/** `POST /v1/data-keys/{id}/restore`: takes a deletion back. */
export const restoreDataKey: Route = {
  method: 'POST',
  url: '/v1/data-keys/:id/restore',
  access: 'caller',
  query: [],
  bodyOptional: true,
  docs: {
    operationId: 'restoreDataKey',
    summary: 'Take the deletion of a data key back',
    description: 'Possible until `purgeAt`. Changes nothing of a data key that is not deleted.',
    tags: ['data-keys'],
    ...CALLER,
    params: object({ id: DataKeyId }),
    body: NoOptions,
    response: {
      200: {
        description: 'What is known of the data key now.',
        headers: ETAG_HEADER,
        content: { 'application/json': { schema: DataKeyInfoAnswer, example: STORED_DATA_KEY_EXAMPLE } },
      },
      ...problems(400, 401, 403, 404, 409, 413, 415, 503),
    },
  },
  handler({ services }) {
    return async (request, reply) => {
      assertNoOptions(request);
      const { id } = request.params as { id: string };
      const info = await services.dataKeys.restore(id, request.call);
      sendEtag(reply, info.etag);
      return sendJson(reply, dataKeyInfo(info));
    };
  },
};
