import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { Call } from '../../../core/call.ts';
import { KeysteadError } from '../../../core/errors.ts';
import type { Services } from '../../../wiring.ts';
import { BASE_HEADERS } from '../answer.ts';
import { ANONYMOUS, HttpCall } from '../http-call.ts';
import { readQuery } from '../query.ts';
import type { Route } from '../route.ts';
import { assertLocal } from './local-only.ts';
import { observe } from './observation.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; there before any handler runs. */
    call: Call;
  }
}

/** What a request target may hold (RFC 9112): Node lets raw bytes beyond ASCII pass, as other characters than meant. */
const TARGET = /^[!"$-~]*$/;

/**
 * The one hook of every route: is this well-formed HTTP, may it come from there, who asks. Nothing of the body is
 * read before it says yes.
 */
export function admission(deps: { services: Services; development: boolean }): (route: Route) => onRequestHookHandler {
  const { services, development } = deps;
  return (route) => {
    const noQuery = route.query.length === 0;
    return (request, reply, done) => {
      observe(services.metrics, route.url, reply);
      reply.headers(BASE_HEADERS);
      const { raw } = request;
      try {
        assertTarget(raw);
        if (development) assertLocal(raw.headers);
        if (noQuery) readQuery(rawQuery(request), []);
      } catch (error) {
        return done(error as Error);
      }
      if (route.access === 'public' || (route.access === 'open' && !services.noCredentials)) {
        request.call = new HttpCall(ANONYMOUS, request.id, reply.raw);
        return done();
      }
      authenticate(services, request, reply).then(() => done(), done);
    };
  };
}

/** The query as it was sent. The app's query parser leaves it alone. */
export function rawQuery(request: FastifyRequest): string {
  return request.query as string;
}

async function authenticate(services: Services, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { authorization } = request.raw.headers;
  const principal = await services.authenticate(authorization === undefined ? {} : { authorization });
  request.call = new HttpCall(principal, request.id, reply.raw);
}

function assertTarget({ url = '', httpVersion, headers }: IncomingMessage): void {
  if (!TARGET.test(url)) {
    const reason = url.startsWith('/v1/data-keys/') ? 'bad-id' : 'bad-request';
    throw new KeysteadError(reason, 'the path holds characters that must be percent-encoded');
  }
  if (headers.host === undefined && httpVersion === '1.1') {
    throw new KeysteadError('bad-request', 'the Host header is missing');
  }
}
