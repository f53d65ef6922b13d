import { changeRoute } from '../change-route.ts';
import { STORED_DATA_KEY_EXAMPLE } from '../examples.ts';

/** `POST /v1/data-keys/{id}/rotate`: a new version; old ones still open by their numbers. */
export const rotateDataKey = changeRoute({
  verb: 'rotate',
  operationId: 'rotateDataKey',
  summary: 'Make a new version of a data key',
  description: [
    'The new version has the same length, and is the one that `get` gives from now on when it names none.',
    'Old versions still open by their numbers. A second call makes another version.',
  ].join('\n'),
  example: { ...STORED_DATA_KEY_EXAMPLE, version: 2 },
  failures: [400, 401, 403, 404, 409, 413, 415, 423, 503],
  run: (dataKeys, id, call) => dataKeys.rotate(id, call),
});
