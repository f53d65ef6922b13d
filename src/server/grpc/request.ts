import type { IncomingHttpHeaders } from 'node:http2';
import type { Credentials } from '../../core/authenticator.ts';
import type { Reason } from '../../core/errors.ts';
import type { Peer } from '../peers.ts';
import { ANY_PATH, type Method } from './method.ts';
import { noMethod, STATUS, StatusError } from './status.ts';

/** What the headers of a call say. */
export interface RequestHead {
  readonly method: Method;
  /** Milliseconds from now until the caller gives up. */
  readonly timeout: number | undefined;
  readonly gzip: boolean;
  readonly credentials: Credentials;
}

/** `application/grpc` and `application/grpc+proto`, parameters aside: there is no other codec here. */
const CONTENT_TYPE = /^application\/grpc(\+proto)?( *;.*)?$/i;
const MILLISECONDS = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 } as const;
/** What `setTimeout` can wait for: 24 days. A longer timeout is as good as none. */
const LONGEST = 2 ** 31 - 1;

/**
 * Reads the headers of a call. Throws `StatusError` with the response headers that such a refusal has, as grpc-go does.
 *
 * An `authorization` that is there more than once is given as lines, which no authenticator accepts and each counts as a
 * refused login: the library keeps the first and drops the rest unseen, and who reads the other one would see somebody else.
 *
 * @param raw names and values in turn, as they were sent.
 */
export function readHead(
  headers: IncomingHttpHeaders,
  raw: readonly string[],
  methods: ReadonlyMap<string, Method>,
  peer: Peer = {},
): RequestHead {
  const { 'grpc-encoding': encoding = 'identity', 'grpc-timeout': timeout } = headers;
  if (!CONTENT_TYPE.test(headers['content-type'] ?? '')) {
    throw refusal('invalidArgument', 'unsupported-media-type', 'the content type must be application/grpc', {
      ':status': 415,
    });
  }
  if (headers[':method'] !== 'POST') {
    throw refusal('internal', 'method-not-allowed', 'the method must be POST', { ':status': 405, allow: 'POST' });
  }
  const method = methods.get(headers[':path'] ?? '') ?? methods.get(ANY_PATH);
  if (method === undefined) throw noMethod();
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw refusal('unimplemented', 'unsupported-media-type', 'messages may be compressed with gzip only', {
      'grpc-accept-encoding': 'identity,gzip',
    });
  }
  const shown = raw.filter((_, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === 'authorization');
  const authorization = shown.length > 1 ? shown.join('\n') : headers.authorization;
  return {
    method,
    timeout: timeout === undefined ? undefined : parseTimeout(String(timeout)),
    gzip: encoding === 'gzip',
    credentials: { listener: 'grpc', ...peer, ...(authorization === undefined ? {} : { authorization }) },
  };
}

/** Milliseconds of a `grpc-timeout` header: one to eight digits and a unit. */
export function parseTimeout(header: string): number {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  if (digits === undefined) {
    const what = 'malformed grpc-timeout: give 1 to 8 digits and H, M, S, m, u or n';
    throw refusal('internal', 'bad-request', what, { ':status': 400 });
  }
  return Math.min(Math.ceil(Number(digits) * MILLISECONDS[unit as keyof typeof MILLISECONDS]), LONGEST);
}

function refusal(status: keyof typeof STATUS, reason: Reason, what: string, headers = {}): StatusError {
  return new StatusError(STATUS[status], reason, what, { headers });
}
