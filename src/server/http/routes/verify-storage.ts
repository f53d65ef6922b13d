import { jobRoute } from '../job.ts';

/** `POST /v1/system/verify-storage`: opens every version of every data key that is stored, page by page. */
export const verifyStorage = jobRoute({
  url: '/v1/system/verify-storage',
  operationId: 'verifyStorage',
  summary: 'Open every stored data key',
  description: [
    'Opens every version of every data key that is stored, hands none out, and changes nothing.',
    'What does not open is told in `failed`.',
  ].join('\n'),
  tag: 'system',
  run: 'verifyAll',
});
