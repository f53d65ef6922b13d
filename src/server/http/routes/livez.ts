import { Type } from 'typebox';
import { sendJson } from '../answer.ts';
import { PUBLIC, problems } from '../docs.ts';
import type { Route } from '../route.ts';
import { object } from '../schemas.ts';

/** `GET /livez`: the process lives. Asks nobody else, so that a lost store does not get the process killed. */
export const livez: Route = {
  method: 'GET',
  url: '/livez',
  access: 'public',
  vital: true,
  query: [],
  docs: {
    operationId: 'getLiveness',
    summary: 'Whether the process lives',
    description: 'Answers 200 as long as the process can answer at all.',
    tags: ['health'],
    ...PUBLIC,
    response: {
      200: {
        description: 'It lives.',
        content: {
          'application/json': { schema: object({ status: Type.Literal('live') }), example: { status: 'live' } },
        },
      },
      ...problems(400, 403),
    },
  },
  handler() {
    return async (_request, reply) => sendJson(reply, { status: 'live' });
  },
};
