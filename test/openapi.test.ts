import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { stringify } from 'yaml';
import { openapiDocument } from '../src/server/http/openapi.ts';
import { ROUTES } from '../src/server/http/routes.ts';

const kept = readFileSync(join(import.meta.dirname, '..', 'openapi', 'openapi.yaml'), 'utf8');

t.test('openapi/openapi.yaml is what the schemas of the service say', async (t) => {
  t.ok(kept === stringify(await openapiDocument()), 'equal byte for byte; "npm run openapi" writes it anew');
});

t.test('every route is documented, with a problem for every failure', async (t) => {
  const { paths } = (await openapiDocument()) as {
    paths: Record<string, Record<string, { operationId: string; responses: object }>>;
  };
  const ids = new Set<string>();
  for (const { url, method } of ROUTES) {
    const operation = paths[url.replace(/:(\w+)/, '{$1}')]?.[method.toLowerCase()];
    t.ok(operation?.operationId, `${method} ${url}`);
    ids.add(operation?.operationId ?? '');
    for (const [status, response] of Object.entries(operation?.responses ?? {})) {
      if (!status.startsWith('2'))
        t.match(response, {
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        });
    }
    t.ok(Object.hasOwn(operation?.responses ?? {}, 'default'));
  }
  t.equal(ids.size, ROUTES.length);
});
