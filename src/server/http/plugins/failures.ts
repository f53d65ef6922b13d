import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { KeysteadError } from '../../../core/errors.ts';
import type { Metrics } from '../../../telemetry/metrics.ts';
import type { Route, RouteDeps } from '../route.ts';
import { allowedMethods } from './allowed-methods.ts';
import { NO_ROUTE, observe } from './observation.ts';
import { sendProblem, toKeysteadError } from './problem.ts';
import type { CountSource } from './source-limit.ts';
import { assertWellFormed } from './well-formed.ts';

/** Bytes of a refused body that are read away, so that its sender gets to read the answer. */
const DRAIN_LIMIT = 16 * 1024 * 1024;

/** Answers every failure behind the router, unknown routes and methods included, with a problem document. */
export function answerFailures(
  app: FastifyInstance,
  deps: { routes: readonly Route[]; metrics: Metrics; report: RouteDeps['report']; countSource: CountSource },
): void {
  const allowed = allowedMethods(deps.routes);
  const missing = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    observe(deps.metrics, NO_ROUTE, reply);
    const refuse = (error: KeysteadError): FastifyReply => {
      deps.metrics.failure(error.reason);
      return sendProblem(reply, error, request.id);
    };
    try {
      deps.countSource(request, reply);
      assertWellFormed(request.raw);
    } catch (thrown) {
      return refuse(toKeysteadError(thrown));
    }
    const allow = allowed(request.raw.url ?? '');
    if (allow !== undefined) reply.header('allow', allow);
    return refuse(missingError(allow));
  };
  app.setNotFoundHandler(missing);
  app.setErrorHandler((thrown, request, reply) => {
    const answer = (): FastifyReply => {
      if (request.is404) return missing(request, reply);
      const error = toKeysteadError(thrown);
      deps.report(error, request);
      return sendProblem(reply, error, request.id);
    };
    const rest = restOfBody(request, reply);
    return rest === undefined ? answer() : rest.then(answer);
  });
}

/** Answers a path that the router cannot read. */
export function answerBadPath(
  deps: { readonly metrics: Metrics; readonly countSource: CountSource },
  thrown: Error,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  observe(deps.metrics, NO_ROUTE, reply);
  let first: unknown = thrown;
  try {
    deps.countSource(request, reply);
  } catch (refused) {
    first = refused;
  }
  const error = toKeysteadError(first);
  deps.metrics.failure(error.reason);
  const isId = error.reason === 'bad-request' && (request.raw.url ?? '').startsWith('/v1/data-keys/');
  sendProblem(reply, isId ? new KeysteadError('bad-id', error.message) : error, request.id);
}

function missingError(allow: string | undefined): KeysteadError {
  if (allow !== undefined) return new KeysteadError('method-not-allowed', `this path takes ${allow}`);
  return new KeysteadError('no-route', 'there is no such route; GET /openapi.json lists all');
}

/**
 * Fastify closes the connection behind every body that it cannot take, since more of it may follow. That resets the
 * connection while the caller still sends, and most then never see the answer. So moderate bodies are read to their
 * end, and the connection stays or not as for any other answer: as the caller asked, and the service drains.
 *
 * @returns what to wait for with the answer: on a connection that lives on, Node reads the rest behind the answer.
 */
function restOfBody({ raw }: FastifyRequest, reply: FastifyReply): Promise<void> | undefined {
  if (!reply.hasHeader('connection')) return undefined;
  const length = Number(raw.headers['content-length'] ?? Number.POSITIVE_INFINITY);
  if (!raw.complete && !(length <= DRAIN_LIMIT)) return undefined;
  const lives = reply.raw.shouldKeepAlive && !reply.raw.hasHeader('connection');
  if (lives) reply.header('connection', 'keep-alive');
  return lives || raw.complete ? undefined : readAway(raw);
}

/** Until the body has ended, or its sender is gone. */
function readAway(raw: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  raw.once('end', resolve).once('close', resolve).resume();
  return promise;
}
