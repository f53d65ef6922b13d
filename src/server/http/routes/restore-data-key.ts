import { changeRoute } from '../change-route.ts';
import { STORED_DATA_KEY_EXAMPLE } from '../examples.ts';

/** `POST /v1/data-keys/{id}/restore`: takes a deletion back. */
export const restoreDataKey = changeRoute({
  verb: 'restore',
  operationId: 'restoreDataKey',
  summary: 'Take the deletion of a data key back',
  description: 'Possible until `purgeAt`. Changes nothing of a data key that is not deleted.',
  example: STORED_DATA_KEY_EXAMPLE,
  failures: [400, 401, 403, 404, 409, 413, 415, 503],
  run: (dataKeys, id, call) => dataKeys.restore(id, call),
});
