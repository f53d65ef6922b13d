import type { Call } from '../../core/call.ts';
import type { DataKeyInfo, DataKeys } from '../../data-keys/data-keys.ts';
import { sendJson } from './answer.ts';
import { dataKeyInfo } from './data-key-info.ts';
import { CALLER, type FailureStatus, problems } from './docs.ts';
import { sendEtag } from './etag.ts';
import { assertNoOptions, NoOptions } from './no-options.ts';
import type { Route } from './route.ts';
import { DataKeyId, DataKeyInfoAnswer, ETAG_HEADER, object } from './schemas.ts';

/** A change of one data key that the path says all about. */
interface Change<Info extends DataKeyInfo> {
  readonly verb: 'rotate' | 'rewrap' | 'restore';
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly example: object;
  /** Of the answer, where it says more than what is known of the data key now. */
  readonly schema?: object;
  readonly failures: readonly FailureStatus[];
  run(dataKeys: DataKeys, id: string, call: Call): Promise<Info>;
  more?(info: Info): object;
}

/** The route of such a change; its answer tells what is known of the data key then. */
export function changeRoute<Info extends DataKeyInfo>(change: Change<Info>): Route {
  const { verb, operationId, summary, description, example, schema = DataKeyInfoAnswer, failures } = change;
  return {
    method: 'POST',
    url: `/v1/data-keys/:id/${verb}`,
    access: 'caller',
    query: [],
    bodyOptional: true,
    docs: {
      operationId,
      summary,
      description,
      tags: ['data-keys'],
      ...CALLER,
      params: object({ id: DataKeyId }),
      body: NoOptions,
      response: {
        200: {
          description: 'What is known of the data key now.',
          headers: ETAG_HEADER,
          content: { 'application/json': { schema, example } },
        },
        ...problems(...failures),
      },
    },
    handler({ services }) {
      return async (request, reply) => {
        assertNoOptions(request);
        const { id } = request.params as { id: string };
        const info = await change.run(services.dataKeys, id, request.call);
        sendEtag(reply, info.etag);
        return sendJson(reply, { ...dataKeyInfo(info), ...change.more?.(info) });
      };
    },
  };
}
