import { jobRoute } from '../job.ts';

/** `POST /v1/data-keys/-/rewrap-all`: every data key under the newest version of the current KEK, page by page. */
export const rewrapAll = jobRoute({
  url: '/v1/data-keys/-/rewrap-all',
  operationId: 'rewrapAllDataKeys',
  summary: 'Wrap all data keys again',
  description: [
    'As the single call, for every data key that is stored, deleted ones that can be restored included.',
    'What cannot be wrapped again is told in `failed`, stays as it is, and keeps nothing else from being done.',
  ].join('\n'),
  tag: 'data-keys',
  run: 'rewrapAll',
});
