import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { KeysteadError } from '../../../core/errors.ts';
import type { Metrics } from '../../../telemetry/metrics.ts';
import type { Route, RouteDeps } from '../route.ts';
import { allowedMethods } from './allowed-methods.ts';
import { NO_ROUTE, observe } from './observation.ts';
import { sendProblem, toKeysteadError } from './problem.ts';

/** Bytes of a refused body that are read away, so that its sender gets to read the answer. */
const DRAIN_LIMIT = 16 * 1024 * 1024;

/** Answers every failure behind the router, unknown routes and methods included, with a problem document. */
export function answerFailures(
  app: FastifyInstance,
  deps: { routes: readonly Route[]; metrics: Metrics; report: RouteDeps['report'] },
): void {
  const allowed = allowedMethods(deps.routes);
  const missing = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    observe(deps.metrics, NO_ROUTE, reply);
    const allow = allowed(request.raw.url ?? '');
    if (allow !== undefined) reply.header('allow', allow);
    return sendProblem(reply, missingError(allow), request.id);
  };
  app.setNotFoundHandler(missing);
  app.setErrorHandler((thrown, request, reply) => {
    keepConnection(request, reply);
    if (request.is404) return missing(request, reply);
    const error = toKeysteadError(thrown);
    deps.report(error, request);
    return sendProblem(reply, error, request.id);
  });
}

/** Answers a path that the router cannot read. */
export function answerBadPath(metrics: Metrics, thrown: Error, request: FastifyRequest, reply: FastifyReply): void {
  observe(metrics, NO_ROUTE, reply);
  const error = toKeysteadError(thrown);
  const isId = error.reason === 'bad-request' && (request.raw.url ?? '').startsWith('/v1/data-keys/');
  sendProblem(reply, isId ? new KeysteadError('bad-id', error.message) : error, request.id);
}

function missingError(allow: string | undefined): KeysteadError {
  if (allow !== undefined) return new KeysteadError('method-not-allowed', `this path takes ${allow}`);
  return new KeysteadError('no-route', 'there is no such route; GET /openapi.json lists all');
}

/**
 * Fastify closes the connection behind every body that it cannot take, since more of it may follow. That resets the
 * connection while the caller still sends, and most then never see the answer: Node reads moderate ones to their end.
 */
function keepConnection({ raw }: FastifyRequest, reply: FastifyReply): void {
  // On the bare answer it stands while the service drains, and stays.
  if (!reply.hasHeader('connection') || reply.raw.hasHeader('connection')) return;
  const length = Number(raw.headers['content-length'] ?? Number.POSITIVE_INFINITY);
  if (raw.complete || length <= DRAIN_LIMIT) reply.header('connection', 'keep-alive');
}
