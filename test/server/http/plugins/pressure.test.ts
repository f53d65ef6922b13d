import t from 'tap';
import { isProblem, openApp } from '../support.ts';

/** No process of Node is as small as this. */
const NO_MEMORY = { limits: { memory: 1 } };
const GET = { method: 'POST', url: '/v1/data-keys/a/get?length=32' } as const;

t.test(
  'without memory requests are refused, until there is some; health, status and metrics are answered',
  async (t) => {
    const { app, services } = await openApp(t, { config: NO_MEMORY });
    t.equal((await app.inject(GET)).statusCode, 200, 'until it is measured for the first time');
    while (!app.isUnderPressure()) await new Promise((resolve) => setImmediate(resolve));
    const refused = await app.inject(GET);
    isProblem(t, refused, 503, 'overloaded');
    t.equal(refused.headers['retry-after'], '2');
    for (const url of ['/livez', '/readyz', '/v1/system/status', '/metrics']) {
      t.equal((await app.inject({ method: 'GET', url })).statusCode, 200, url);
    }
    t.match((await services.metrics.exposition()).body, /keystead_failures_total\{reason="overloaded"\} 1/);
  },
);

t.test('with memory nobody is refused', async (t) => {
  const { app } = await openApp(t);
  t.equal((await app.inject(GET)).statusCode, 200);
  t.equal(app.isUnderPressure(), false);
});
