import { Type } from 'typebox';
import { send } from '../answer.ts';
import { PUBLIC, problems } from '../docs.ts';
import type { Route } from '../route.ts';

/** `GET /openapi.json`: this API, as OpenAPI 3.1. */
export const openapiJson: Route = {
  method: 'GET',
  url: '/openapi.json',
  access: 'open',
  query: [],
  docs: {
    operationId: 'getOpenapi',
    summary: 'This document',
    description: 'Needs no credentials, but is refused where none are configured at all.',
    tags: ['health'],
    ...PUBLIC,
    response: {
      200: {
        description: 'The API as OpenAPI 3.1.',
        content: { 'application/json': { schema: Type.Unsafe({ type: 'object', additionalProperties: true }) } },
      },
      ...problems(400, 401, 403),
    },
  },
  handler({ openapi }) {
    let document: Promise<Buffer> | undefined;
    return async (_request, reply) => {
      document ??= openapi().then((value) => Buffer.from(JSON.stringify(value)));
      return send(reply, await document, 'application/json');
    };
  },
};
