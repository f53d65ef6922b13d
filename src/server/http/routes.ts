import type { Route } from './route.ts';
import { batchGetDataKeys } from './routes/batch-get-data-keys.ts';
import { bootstrap } from './routes/bootstrap.ts';
import { describeDataKey } from './routes/describe-data-key.ts';
import { getDataKey } from './routes/get-data-key.ts';
import { listDataKeys } from './routes/list-data-keys.ts';
import { livez } from './routes/livez.ts';
import { metrics } from './routes/metrics.ts';
import { openapiJson } from './routes/openapi-json.ts';
import { readyz } from './routes/readyz.ts';
import { status } from './routes/status.ts';

/** Every operation of the API, in the order of the documentation. */
export const ROUTES: readonly Route[] = [
  getDataKey,
  batchGetDataKeys,
  listDataKeys,
  describeDataKey,
  status,
  bootstrap,
  livez,
  readyz,
  metrics,
  openapiJson,
];
