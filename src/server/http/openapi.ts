import swagger from '@fastify/swagger';
import fastify from 'fastify';
import { limited } from './docs.ts';
import { ROUTES } from './routes.ts';
import { Problem } from './schemas.ts';

const API_VERSION = '1.0.0';

/** The OpenAPI 3.1 document of the HTTP service, written from the schemas that its requests are checked with. */
export async function openapiDocument(): Promise<object> {
  const app = fastify();
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Keystead',
        version: API_VERSION,
        description: 'Data keys by name, derived from a cluster key or wrapped by a cloud KMS.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: [
        { name: 'data-keys', description: 'Keys by name.' },
        { name: 'system', description: 'The service itself.' },
        { name: 'health', description: 'For those who run it.' },
      ],
      components: {
        securitySchemes: {
          bearerToken: {
            type: 'http',
            scheme: 'bearer',
            description:
              'The token of the administrator, or of a caller that the auth file describes: a ServiceAccount, an OpenID Connect token, a token of the service. A client certificate may take its place. A development server takes calls without one.',
          },
        },
      },
    },
    refResolver: { buildLocalReference: (json) => String(json['$id']) },
  });
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  app.addSchema({ ...Problem, $id: 'Problem' });
  for (const { method, url, docs, vital } of ROUTES) {
    const response = docs.response as Parameters<typeof limited>[0];
    const schema = vital ? docs : { ...docs, response: limited(response) };
    app.route({ method, url, schema, exposeHeadRoute: false, handler: async () => ({}) });
  }
  await app.ready();
  const document = app.swagger() as Document;
  await app.close();
  for (const { url, bodyOptional } of ROUTES) {
    const operation = document.paths[url.replace(':id', '{id}')]?.post;
    if (bodyOptional && operation?.requestBody !== undefined) operation.requestBody.required = false;
  }
  amendGet(document.paths['/v1/data-keys/{id}/get']?.post);
  // Through JSON, so that nothing in it is shared: YAML would write aliases, which most readers cannot follow.
  return JSON.parse(JSON.stringify(document)) as object;
}

interface Document {
  readonly paths: Readonly<Record<string, { readonly post?: Operation }>>;
}

interface Operation {
  readonly requestBody?: { required: boolean };
  readonly responses: Readonly<Record<string, { readonly content: Record<string, object> }>>;
}

/** What the generator cannot say: bare bytes have no schema. */
function amendGet(operation: Operation | undefined): void {
  const { content } = operation?.responses['200'] ?? {};
  if (content !== undefined) content['application/octet-stream'] = {};
}
