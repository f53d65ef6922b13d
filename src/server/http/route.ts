import type { FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import type { KeysteadError } from '../../core/errors.ts';
import type { Services } from '../../wiring.ts';

/** Who may ask: anybody; anybody, where credentials are configured at all; whoever shows credentials. */
export type Access = 'public' | 'open' | 'caller';

/** What a route works with. */
export interface RouteDeps {
  readonly services: Services;
  /** Counts a failure; logs one that is the server's own fault, with its cause. */
  report(error: KeysteadError, request: FastifyRequest): void;
  /** Makes the OpenAPI document; the generator is only loaded then. */
  openapi(): Promise<object>;
}

/** One operation of the API: where it is, who may ask, how it is documented, what it does. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly access: Access;
  /** Of a public route: whoever shows credentials is known by them; where they are not accepted, nothing is refused. */
  readonly greets?: true;
  /** Answered also while requests are refused for their number or for want of memory: whoever runs the service looks there. */
  readonly vital?: true;
  /** Names that the query may have; any other is an error. */
  readonly query: readonly string[];
  /** Bytes of the body, where it is not the usual limit. */
  readonly bodyLimit?: number;
  /** The body may be left out. */
  readonly bodyOptional?: true;
  /** For the OpenAPI document alone: the handler checks its input itself, with the same schemas. */
  readonly docs: FastifySchema;
  handler(deps: RouteDeps): Handler;
}

export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;
