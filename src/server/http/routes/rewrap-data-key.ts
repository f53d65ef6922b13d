import { Type } from 'typebox';
import { changeRoute } from '../change-route.ts';
import { STORED_DATA_KEY_EXAMPLE } from '../examples.ts';
import { DataKeyInfoAnswer, object } from '../schemas.ts';

const RewrapAnswer = object({
  ...DataKeyInfoAnswer.properties,
  rewrapped: Type.Integer({
    minimum: 0,
    description: 'Versions that were wrapped again; 0 where all were under the newest version of the current KEK.',
  }),
});

/** `POST /v1/data-keys/{id}/rewrap`: the same key under the newest version of the current KEK. */
export const rewrapDataKey = changeRoute({
  verb: 'rewrap',
  operationId: 'rewrapDataKey',
  summary: 'Wrap a data key again',
  description: [
    'Every version that is not under the newest version of the current KEK is wrapped by it. The keys stay what they',
    'are, byte for byte. A second call changes nothing.',
  ].join('\n'),
  example: { ...STORED_DATA_KEY_EXAMPLE, rewrapped: 1 },
  schema: RewrapAnswer,
  failures: [400, 401, 403, 404, 409, 413, 415, 423, 503],
  run: (dataKeys, id, call) => dataKeys.rewrap(id, call),
  more: ({ rewrapped }) => ({ rewrapped }),
});
