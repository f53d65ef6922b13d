import type { FastifyReply } from 'fastify';
import type { Metrics } from '../../../telemetry/metrics.ts';

/** The label of everything that is no route. */
export const NO_ROUTE = 'none';

/**
 * Follows one answer to its end: counts it under its route's pattern, and wipes the key it may hold. `close` comes
 * after the last byte went to the system, and also when the caller goes away first.
 */
export function observe(metrics: Metrics, pattern: string, reply: FastifyReply): void {
  const start = performance.now();
  const { raw } = reply;
  raw.on('close', () => {
    metrics.request('http', pattern, raw.statusCode, (performance.now() - start) / 1000);
    reply.secret?.fill(0);
  });
}
