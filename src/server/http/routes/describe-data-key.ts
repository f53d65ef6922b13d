import { sendJson } from '../answer.ts';
import { dataKeyInfo } from '../data-key-info.ts';
import { CALLER, problems } from '../docs.ts';
import { sendEtag } from '../etag.ts';
import { DATA_KEY_INFO_EXAMPLE } from '../examples.ts';
import type { Route } from '../route.ts';
import { DataKeyId, DataKeyInfoAnswer, ETAG_HEADER, object } from '../schemas.ts';

/** `GET /v1/data-keys/{id}`: what is known of a data key without opening it. */
export const describeDataKey: Route = {
  method: 'GET',
  url: '/v1/data-keys/:id',
  access: 'caller',
  query: [],
  docs: {
    operationId: 'describeDataKey',
    summary: 'Describe a data key',
    description: 'Metadata only; the key is not opened.',
    tags: ['data-keys'],
    ...CALLER,
    params: object({ id: DataKeyId }),
    response: {
      200: {
        description: 'What is known of the data key.',
        headers: ETAG_HEADER,
        content: { 'application/json': { schema: DataKeyInfoAnswer, example: DATA_KEY_INFO_EXAMPLE } },
      },
      ...problems(400, 401, 403, 404, 503),
    },
  },
  handler({ services }) {
    return async (request, reply) => {
      const { id } = request.params as { id: string };
      const info = await services.dataKeys.describe(id, request.call);
      sendEtag(reply, info.etag);
      return sendJson(reply, dataKeyInfo(info));
    };
  },
};
