import { Type } from 'typebox';
import { KeysteadError, type Reason } from '../../core/errors.ts';
import { problemOf } from './plugins/problem.ts';

/** What the OpenAPI document says again and again. */

/** Routes for callers with credentials. A development server asks for none, hence the empty alternative. */
export const CALLER = { security: [{ bearerToken: [] }, {}] };
/** Routes for anybody. */
export const PUBLIC = { security: [] };
/** Routes for anybody, that tell more to those whom they know. */
export const GREETING = { security: [{}, { bearerToken: [] }] };

interface Failure {
  readonly reason: Reason;
  readonly description: string;
  readonly detail: string;
}

/** One typical failure for each status. */
const FAILURES = {
  400: failure('bad-length', 'The request is not valid.', 'length must be a whole number from 1 to 8160, not 8161'),
  401: failure(
    'no-credentials',
    'Credentials are needed, or were not accepted.',
    'credentials are needed: send "Authorization: Bearer TOKEN"',
  ),
  403: failure(
    'policy',
    'The caller may not do this.',
    'data-key.get is not permitted; the audit id is 4bf92f3577b34da6a3ce929d0e0e4736',
  ),
  404: failure(
    'no-version',
    'There is no such data key, no such version, or no such page.',
    'there is no version 2; derived data keys have version 1',
  ),
  406: failure(
    'not-acceptable',
    'No type in Accept is one that this route answers.',
    'this route answers application/json; say so in Accept, or leave it out',
  ),
  409: failure(
    'data-key-exists',
    'It exists already, or is another one.',
    'derived data keys exist for every id; ask with create "if-missing"',
  ),
  412: failure(
    'check-mismatch',
    'The key is not the expected one.',
    'the data key is not the expected one: its check value differs',
  ),
  413: failure('body-too-large', 'The body is too large.', 'the body is larger than this route takes'),
  415: failure(
    'unsupported-media-type',
    'The body is not `application/json`.',
    'send the body as application/json, in UTF-8',
  ),
  423: failure(
    'pending-deletion',
    'The data key is pending deletion; it can be restored.',
    'data key volume-1 is pending deletion until 2026-12-22T21:06:00.000Z',
  ),
  429: failure(
    'rate-limit',
    'Too many requests of this caller, from this address, or for the KMS or the store; `Retry-After` says when to come again.',
    'a caller may send 600000 requests a minute here; slow down',
  ),
  503: failure(
    'sealed',
    'The service cannot answer now; `reason` tells why.',
    'the service has no KEK yet; give it one with POST /v1/system/bootstrap',
  ),
} as const;

/** Of answers that ask for patience. */
const WAITING = {
  'Retry-After': Type.String({
    description: 'Seconds after which the request may be sent again, where that is known.',
  }),
};

const OTHER = failure('unexpected', 'Any other failure.', 'something unexpected happened; the log has the details');
const EXAMPLE_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

function failure(reason: Reason, description: string, detail: string): Failure {
  return { reason, description, detail };
}

/** A status that the document has words for. */
export type FailureStatus = keyof typeof FAILURES;

/** Of answers on routes for callers, except where nobody is limited: a development server, a limit of 0. */
const RATE_LIMIT_HEADERS = {
  'RateLimit-Limit': Type.String({ description: 'Requests a minute that the caller may send.' }),
  'RateLimit-Remaining': Type.String({ description: 'How many of them are left now.' }),
  'RateLimit-Reset': Type.String({ description: 'Seconds until all of them are there again.' }),
};

interface Response {
  readonly description: string;
  readonly headers?: object;
  readonly content?: object;
}
type Responses = Readonly<Record<string, Response>>;

/** What every route answers that may be refused for the number of requests, or for want of memory. */
export function limited(responses: Responses): Record<string, object> {
  const rows = Object.entries({ ...problems(429, 503), ...responses }).map(([status, response]) => {
    const counted = /^(2..|429)$/.test(status) ? { headers: { ...response.headers, ...RATE_LIMIT_HEADERS } } : {};
    return [status, { ...response, ...counted }] as const;
  });
  return Object.fromEntries(rows);
}

/** The responses of a route that fails with these statuses; any other status has the same form. */
export function problems(...statuses: readonly FailureStatus[]): Record<string, Response> {
  const rows = statuses.map((status) => [String(status), response(FAILURES[status], status)] as const);
  return { ...Object.fromEntries(rows), default: response(OTHER) };
}

function response({ reason, description, detail }: Failure, status?: number): Response {
  const example = problemOf(new KeysteadError(reason, detail), EXAMPLE_TRACE);
  const headers = status === 429 || status === 503 ? { headers: WAITING } : {};
  return {
    description,
    ...headers,
    content: { 'application/problem+json': { schema: { $ref: 'Problem#' }, example } },
  };
}
