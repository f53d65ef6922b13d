import t from 'tap';
import { ROUTES, routesOf } from '../../../src/server/http/routes.ts';

const urls = (listener: Parameters<typeof routesOf>[0]) =>
  routesOf(listener).map(({ method, url }) => `${method} ${url}`);

t.test('without an admin listener one listener serves everything', async (t) => {
  t.same(routesOf('everything'), ROUTES);
});

t.test('with one, each route is where it belongs, and none is lost', async (t) => {
  const [keys, admin] = [urls('http'), urls('admin')];
  for (const all of ['GET /livez', 'GET /readyz', 'GET /v1/system/status', 'GET /openapi.json']) {
    t.ok(keys.includes(all) && admin.includes(all), all);
  }
  for (const route of ['POST /v1/system/bootstrap', 'GET /v1/system/refusals/:auditId', 'GET /metrics']) {
    t.ok(admin.includes(route) && !keys.includes(route), route);
  }
  t.ok(keys.includes('POST /v1/data-keys/:id/get') && !admin.includes('POST /v1/data-keys/:id/get'));
  t.same(new Set([...keys, ...admin]), new Set(urls('everything')));
});
