import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import type { Call } from '../../../core/call.ts';
import type { Tracing } from '../../../telemetry/tracing.ts';
import type { Services } from '../../../wiring.ts';
import type { PeerOf } from '../../peers.ts';
import { ANONYMOUS, HttpCall, type HttpListener } from '../http-call.ts';
import { readQuery } from '../query.ts';
import type { Route } from '../route.ts';
import { assertLocal } from './local-only.ts';
import { observe } from './observation.ts';
import type { CountPrincipal } from './principal-limit.ts';
import type { CountSource } from './source-limit.ts';
import { assertWellFormed } from './well-formed.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; there before any handler runs. */
    call: Call;
    /** Bytes that its body may have. */
    bodyLimit: number;
  }
}

/**
 * The one hook of every route: is this well-formed HTTP, may it come from there, who asks. Nothing of the body is
 * read before it says yes.
 */
export function admission(deps: {
  services: Services;
  development: boolean;
  listener: HttpListener;
  peerOf: PeerOf;
  countSource: CountSource;
  /** Absent: no caller is counted. */
  countPrincipal: CountPrincipal | undefined;
  /** Throws `overloaded`. */
  assertRoom(): void;
}): (route: Route) => onRequestHookHandler {
  const { services, development, listener, peerOf, countSource, countPrincipal, assertRoom } = deps;
  return (route) => {
    const noQuery = route.query.length === 0;
    const admit: onRequestHookHandler = (request, reply, done) => {
      observe(services.metrics, route.url, reply);
      if (route.bodyLimit !== undefined) request.bodyLimit = route.bodyLimit;
      const { raw } = request;
      try {
        assertWellFormed(raw);
        if (development) assertLocal(raw.headers);
        if (noQuery) readQuery(rawQuery(request), []);
        if (route.vital === undefined) assertRoom();
      } catch (error) {
        return done(error as Error);
      }
      const peer = peerOf(raw.socket);
      const from = { listener, ...(peer.source === undefined ? {} : { source: peer.source }) };
      const { authorization } = raw.headers;
      request.call = new HttpCall(ANONYMOUS, request.id, reply.raw, from);
      const greeted = route.greets === true && (authorization !== undefined || peer.certificate !== undefined);
      const anybody = !greeted && (route.access === 'public' || (route.access === 'open' && !services.noCredentials));
      if (anybody && route.vital) return done();
      // Whoever is greeted gets an answer also where it is not known, which is anonymous, or asks too often.
      const refused = greeted ? () => done() : done;
      try {
        countSource(request, reply);
      } catch (error) {
        return refused(error as Error);
      }
      if (anybody) return done();
      const credentials = {
        listener,
        auditId: request.id,
        ...peer,
        ...(authorization === undefined ? {} : { authorization }),
      } as const;
      const known = async () => {
        const principal = await services.authenticate(credentials);
        request.call = new HttpCall(principal, request.id, reply.raw, from);
        if (countPrincipal !== undefined) await countPrincipal(request, reply);
      };
      known().then(() => done(), refused);
    };
    return services.tracing === undefined ? admit : traced(services.tracing, route, admit);
  };
}

/** The rest of the request runs below its span. */
function traced(tracing: Tracing, { url }: Route, admit: onRequestHookHandler): onRequestHookHandler {
  return function (request, reply, done) {
    const span = tracing.request('http', url, request.raw.headers, request.id);
    reply.raw.on('close', () => span.end(reply.raw.statusCode, reply.raw.statusCode >= 500));
    span.run(() => admit.call(this, request, reply, done));
  };
}

/** The query as it was sent. The app's query parser leaves it alone. */
export function rawQuery(request: FastifyRequest): string {
  return request.query as string;
}
