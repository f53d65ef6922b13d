import type { TlsOptions } from 'node:tls';
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../../config/schema.ts';
import { KeysteadError } from '../../core/errors.ts';
import { traceIds } from '../../core/trace-id.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Services } from '../../wiring.ts';
import { type PeerOf, peers } from '../peers.ts';
import type { HttpListener } from './http-call.ts';
import { assertJsonType, parseJson } from './json-body.ts';
import { BODY_LIMIT, DEFAULT_LIMITS, type HttpLimits, MAX_SEGMENT_LENGTH, serverOptions } from './limits.ts';
import { memoryLimit } from './memory-limit.ts';
import { admission } from './plugins/admission.ts';
import { answerClientError, answerUncommon } from './plugins/client-errors.ts';
import { answerBadPath, answerFailures } from './plugins/failures.ts';
import { originForm } from './plugins/origin-form.ts';
import { openPressure } from './plugins/pressure.ts';
import { faultLog } from './plugins/problem.ts';
import { type CountSource, sourceLimit } from './plugins/source-limit.ts';
import { readBody } from './read-body.ts';
import type { Route, RouteDeps } from './route.ts';
import { routesOf } from './routes.ts';
import { type BaseHeaders, baseHeaders } from './security-headers.ts';

export interface AppDeps {
  readonly services: Services;
  readonly config: Config;
  /** Where failures go that are the server's own fault. */
  readonly log: Logger | false;
  readonly tls?: Tls;
  readonly limits?: Partial<HttpLimits>;
  /** Absent: one for everything. */
  readonly listener?: HttpListener;
}

/** TLS 1.3. With `clientCa`, callers must show a certificate that comes from there. */
interface Tls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa?: Buffer;
}

export interface HttpApp extends FastifyInstance {
  /** Throws `overloaded` as long as the process has too little memory for more requests, whichever transport they take. */
  assertRoom(): void;
}

/** Builds the HTTP service. Does not listen. */
export async function buildApp(deps: AppDeps): Promise<HttpApp> {
  const limits = { ...DEFAULT_LIMITS, maxConnections: deps.config.limits.connections, ...deps.limits };
  const traceId = traceIds();
  const base = baseHeaders(deps.tls !== undefined);
  const peerOf = peers();
  const countSource = sourceLimit(deps.services.rateLimits, peerOf);
  const app = createApp(deps, limits, traceId, base, countSource);
  app.decorate('baseHeaders', base);
  // Fastify's typings have no place for these of Node's server. A caller that sent all it had to say, and closed its
  // half of the connection, still gets its answer.
  Object.assign(app.server, { httpAllowHalfOpen: true, maxConnections: limits.maxConnections, maxHeadersCount: 100 });
  answerUncommon(app.server, traceId, base);
  app.decorateRequest('call');
  app.decorateRequest('bodyLimit', BODY_LIMIT);
  app.decorateReply('secret', null);
  app.decorateReply('quota', null);
  readJsonStrictly(app);
  const routeDeps: RouteDeps = {
    services: deps.services,
    report: counted(deps.services.metrics, faultLog(deps.log)),
    openapi: async () => (await import('./openapi.ts')).openapiDocument(),
  };
  const { metrics } = deps.services;
  answerFailures(app, { routes: routesServed(deps), metrics, report: routeDeps.report, countSource });
  const assertRoom = await openPressure(app, memoryLimit(deps.config));
  await addRoutes(app, deps, routeDeps, { peerOf, countSource, assertRoom });
  await app.ready();
  return Object.assign(app, { assertRoom });
}

function counted(metrics: Metrics, report: RouteDeps['report']): RouteDeps['report'] {
  return (error, request) => {
    metrics.failure(error.reason);
    report(error, request);
  };
}

/** Routes check and write by themselves, strictly. Fastify's own compilers coerce, and cost every start their loading. */
const NO_COMPILERS = { buildValidator: noCompiler, buildSerializer: noCompiler };

function noCompiler(): never {
  throw new KeysteadError('unexpected', 'a route was given a schema by way of Fastify');
}

function createApp(
  deps: AppDeps,
  limits: HttpLimits,
  traceId: ReturnType<typeof traceIds>,
  base: BaseHeaders,
  countSource: CountSource,
): FastifyInstance {
  const { metrics } = deps.services;
  const node = serverOptions(limits);
  const options: FastifyServerOptions = {
    logger: false,
    genReqId: (request) => traceId(request.headers['traceparent']),
    requestIdHeader: false,
    rewriteUrl: originForm,
    schemaController: { compilersFactory: NO_COMPILERS },
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    connectionTimeout: limits.idleTimeout,
    // A call that arrives while the service drains is still answered; the connection is closed behind it.
    return503OnClosing: false,
    routerOptions: {
      maxParamLength: MAX_SEGMENT_LENGTH,
      // Each route reads its query itself, strictly.
      querystringParser: (raw) => raw as unknown as Record<string, unknown>,
    },
    frameworkErrors: (error, request, reply) => answerBadPath({ metrics, countSource }, error, request, reply),
    clientErrorHandler: (error, socket) => answerClientError(error, socket, traceId(undefined), base),
  };
  if (deps.tls === undefined) return fastify({ ...options, http: node });
  const https = { ...node, ...tlsOptions(deps.tls, deps.config), handshakeTimeout: limits.headersTimeout };
  return fastify({ ...options, https } as FastifyServerOptions);
}

function tlsOptions({ cert, key, clientCa }: Tls, config: Config): TlsOptions {
  const minVersion = 'TLSv1.3';
  if (clientCa === undefined) return { cert, key, minVersion };
  return {
    cert,
    key,
    minVersion,
    ca: clientCa,
    requestCert: true,
    rejectUnauthorized: config.tls.clientCertificate === 'required',
  };
}

/** `application/json` is the one type of bodies. */
function readJsonStrictly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', (request, stream, done) => {
    const { raw, bodyLimit } = request;
    const read = (body: Buffer) => {
      assertJsonType(raw.headers);
      return parseJson(body);
    };
    readBody(stream, bodyLimit, read, done);
  });
}

async function addRoutes(
  app: FastifyInstance,
  deps: AppDeps,
  routeDeps: RouteDeps,
  checks: { peerOf: PeerOf; countSource: CountSource; assertRoom(): void },
): Promise<void> {
  const { rateLimits } = deps.services;
  const listener = deps.listener ?? 'http';
  // Loaded only where somebody is counted.
  const countPrincipal =
    rateLimits === undefined
      ? undefined
      : await (await import('./plugins/principal-limit.ts')).openPrincipalLimit(app, rateLimits);
  const admit = admission({
    services: deps.services,
    development: deps.config.dev,
    listener,
    countPrincipal,
    ...checks,
  });
  for (const route of routesServed(deps)) {
    const { method, url } = route;
    app.route({ method, url, handler: route.handler(routeDeps), onRequest: admit(route) });
  }
}

function routesServed({ listener }: AppDeps): readonly Route[] {
  return routesOf(listener ?? 'everything');
}
