import { sendJson } from '../answer.ts';
import { dataKeyInfo } from '../data-key-info.ts';
import { CALLER, problems } from '../docs.ts';
import { sendEtag } from '../etag.ts';
import { STORED_DATA_KEY_EXAMPLE } from '../examples.ts';
import { assertNoOptions, NoOptions } from '../no-options.ts';
import type { Route } from '../route.ts';
import { DataKeyId, DataKeyInfoAnswer, ETAG_HEADER, object } from '../schemas.ts';

/** `POST /v1/data-keys/{id}/rotate`: a new version; old ones still open by their numbers. */
export const rotateDataKey: Route = {
  method: 'POST',
  url: '/v1/data-keys/:id/rotate',
  access: 'caller',
  query: [],
  bodyOptional: true,
  docs: {
    operationId: 'rotateDataKey',
    summary: 'Make a new version of a data key',
    description: [
      'The new version has the same length, and is the one that `get` gives from now on when it names none.',
      'Old versions still open by their numbers. A second call makes another version.',
    ].join('\n'),
    tags: ['data-keys'],
    ...CALLER,
    params: object({ id: DataKeyId }),
    body: NoOptions,
    response: {
      200: {
        description: 'What is known of the data key now.',
        headers: ETAG_HEADER,
        content: {
          'application/json': { schema: DataKeyInfoAnswer, example: { ...STORED_DATA_KEY_EXAMPLE, version: 2 } },
        },
      },
      ...problems(400, 401, 403, 404, 409, 413, 415, 423, 503),
    },
  },
  handler({ services }) {
    return async (request, reply) => {
      assertNoOptions(request);
      const { id } = request.params as { id: string };
      const info = await services.dataKeys.rotate(id, request.call);
      sendEtag(reply, info.etag);
      return sendJson(reply, dataKeyInfo(info));
    };
  },
};
