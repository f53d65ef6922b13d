import { Type } from 'typebox';
import { send } from '../answer.ts';
import { PUBLIC, problems } from '../docs.ts';
import type { Route } from '../route.ts';

/** `GET /metrics`: what the service counts, for Prometheus. */
export const metrics: Route = {
  method: 'GET',
  url: '/metrics',
  access: 'open',
  vital: true,
  query: [],
  docs: {
    operationId: 'getMetrics',
    summary: 'Metrics of the service',
    description:
      'The text format of Prometheus. Needs no credentials, but is refused where none are configured at all.',
    tags: ['health'],
    ...PUBLIC,
    response: {
      200: {
        description: 'The metrics.',
        content: { 'text/plain': { schema: Type.String(), example: 'keystead_data_keys_total{source="derived"} 1\n' } },
      },
      ...problems(400, 401, 403),
    },
  },
  handler({ services }) {
    return async (_request, reply) => {
      const { contentType, body } = await services.metrics.exposition();
      return send(reply, body, contentType);
    };
  },
};
