import { Type } from 'typebox';
import { KeysteadError } from '../../../core/errors.ts';
import { sendJson } from '../answer.ts';
import { PUBLIC, problems } from '../docs.ts';
import type { Route } from '../route.ts';
import { object } from '../schemas.ts';

/** `GET /readyz`: whether data keys can be had. */
export const readyz: Route = {
  method: 'GET',
  url: '/readyz',
  access: 'public',
  vital: true,
  query: [],
  docs: {
    operationId: 'getReadiness',
    summary: 'Whether data keys can be had',
    description:
      'A service that waits for its KEK is `sealed`; one that cannot reach what it needs is `not-ready`, and `detail` says which door, since when, and why.',
    tags: ['health'],
    ...PUBLIC,
    response: {
      200: {
        description: 'It is ready.',
        content: {
          'application/json': { schema: object({ status: Type.Literal('ready') }), example: { status: 'ready' } },
        },
      },
      ...problems(400, 403, 503),
    },
  },
  handler({ services }) {
    return async (request, reply) => {
      const { state, reason } = await services.system.status(request.call);
      if (state === 'ready') return sendJson(reply, { status: 'ready' });
      throw new KeysteadError(state, reason ?? 'the service cannot give out data keys now');
    };
  },
};
