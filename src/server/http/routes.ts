import type { HttpListener } from './http-call.ts';
import type { Route } from './route.ts';
import { batchGetDataKeys } from './routes/batch-get-data-keys.ts';
import { bootstrap } from './routes/bootstrap.ts';
import { deleteDataKey } from './routes/delete-data-key.ts';
import { describeDataKey } from './routes/describe-data-key.ts';
import { explainRefusal } from './routes/explain-refusal.ts';
import { getDataKey } from './routes/get-data-key.ts';
import { listDataKeys } from './routes/list-data-keys.ts';
import { livez } from './routes/livez.ts';
import { metrics } from './routes/metrics.ts';
import { openapiJson } from './routes/openapi-json.ts';
import { readyz } from './routes/readyz.ts';
import { restoreDataKey } from './routes/restore-data-key.ts';
import { rewrapAll } from './routes/rewrap-all.ts';
import { rewrapDataKey } from './routes/rewrap-data-key.ts';
import { rotateDataKey } from './routes/rotate-data-key.ts';
import { status } from './routes/status.ts';
import { verifyStorage } from './routes/verify-storage.ts';

/** Every operation of the API, in the order of the documentation. */
export const ROUTES: readonly Route[] = [
  getDataKey,
  batchGetDataKeys,
  listDataKeys,
  describeDataKey,
  rotateDataKey,
  rewrapDataKey,
  rewrapAll,
  deleteDataKey,
  restoreDataKey,
  status,
  bootstrap,
  verifyStorage,
  explainRefusal,
  livez,
  readyz,
  metrics,
  openapiJson,
];

/**
 * What a listener serves. With an admin listener the other one serves neither the operations of administrators nor the
 * metrics; both answer liveness, readiness, status and the description of the API.
 */
export function routesOf(listener: 'everything' | HttpListener): readonly Route[] {
  if (listener === 'everything') return ROUTES;
  return ROUTES.filter((route) => isForAll(route) || isForAdministrators(route) === (listener === 'admin'));
}

function isForAll({ url, vital }: Route): boolean {
  return (vital === true && url !== '/metrics') || url === '/openapi.json';
}

function isForAdministrators({ url }: Route): boolean {
  return url.startsWith('/v1/system/') || url === '/metrics';
}
