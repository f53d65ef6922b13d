import { Type } from 'typebox';
import { sendJson } from '../answer.ts';
import { dataKeyInfo } from '../data-key-info.ts';
import { CALLER, problems } from '../docs.ts';
import { sendEtag } from '../etag.ts';
import { STORED_DATA_KEY_EXAMPLE } from '../examples.ts';
import { assertNoOptions, NoOptions } from '../no-options.ts';
import type { Route } from '../route.ts';
import { DataKeyId, DataKeyInfoAnswer, ETAG_HEADER, object } from '../schemas.ts';

const RewrapAnswer = object({
  ...DataKeyInfoAnswer.properties,
  rewrapped: Type.Integer({
    minimum: 0,
    description: 'Versions that were wrapped again; 0 where all were under the newest version of the current KEK.',
  }),
});

/** `POST /v1/data-keys/{id}/rewrap`: the same key under the newest version of the current KEK. */
export const rewrapDataKey: Route = {
  method: 'POST',
  url: '/v1/data-keys/:id/rewrap',
  access: 'caller',
  query: [],
  bodyOptional: true,
  docs: {
    operationId: 'rewrapDataKey',
    summary: 'Wrap a data key again',
    description: [
      'Every version that is not under the newest version of the current KEK is wrapped by it. The keys stay what they',
      'are, byte for byte. A second call changes nothing.',
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
          'application/json': { schema: RewrapAnswer, example: { ...STORED_DATA_KEY_EXAMPLE, rewrapped: 1 } },
        },
      },
      ...problems(400, 401, 403, 404, 409, 413, 415, 503),
    },
  },
  handler({ services }) {
    return async (request, reply) => {
      assertNoOptions(request);
      const { id } = request.params as { id: string };
      const info = await services.dataKeys.rewrap(id, request.call);
      sendEtag(reply, info.etag);
      return sendJson(reply, { ...dataKeyInfo(info), rewrapped: info.rewrapped });
    };
  },
};
