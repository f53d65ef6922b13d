import type { IncomingHttpHeaders } from 'node:http2';
import type { Credentials } from '../../core/authenticator.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Peer } from '../peers.ts';
import type { Method } from './method.ts';
import { STATUS, StatusError } from './status.ts';

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

/** Reads the headers of a call. Throws `StatusError` with the response headers that such a refusal has, as grpc-go does. */
export function readHead(
  headers: IncomingHttpHeaders,
  methods: ReadonlyMap<string, Method>,
  peer: Peer = {},
): RequestHead {
  const { invalidArgument, internal, unimplemented } = STATUS;
  if (!CONTENT_TYPE.test(headers['content-type'] ?? '')) {
    const more = { headers: { ':status': 415 } };
    throw new StatusError(invalidArgument, 'unsupported-media-type', 'the content type must be application/grpc', more);
  }
  if (headers[':method'] !== 'POST') {
    const more = { headers: { ':status': 405, allow: 'POST' } };
    throw new StatusError(internal, 'method-not-allowed', 'the method must be POST', more);
  }
  const timeout = text(headers, 'grpc-timeout');
  const milliseconds = timeout === undefined ? undefined : parseTimeout(timeout);
  const method = methods.get(headers[':path'] ?? '');
  if (method === undefined) throw new StatusError(unimplemented, 'no-route', 'there is no such service or method');
  const encoding = text(headers, 'grpc-encoding') ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip') {
    const more = { headers: { 'grpc-accept-encoding': 'identity,gzip' } };
    throw new StatusError(unimplemented, 'unsupported-media-type', 'messages may be compressed with gzip only', more);
  }
  const { authorization } = headers;
  return {
    method,
    timeout: milliseconds,
    gzip: encoding === 'gzip',
    credentials: { listener: 'grpc', ...peer, ...(authorization === undefined ? {} : { authorization }) },
  };
}

/** The library keeps the first of several and drops the rest unseen: who reads the other one would see somebody else. */
export function assertOneAuthorization(rawHeaders: readonly string[]): void {
  const names = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'authorization');
  if (names.length > 1) throw new KeysteadError('bad-credentials', 'there is more than one authorization entry');
}

/** Milliseconds of a `grpc-timeout` header: one to eight digits and a unit. */
export function parseTimeout(header: string): number {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  if (digits === undefined) {
    const what = 'malformed grpc-timeout: give 1 to 8 digits and H, M, S, m, u or n';
    throw new StatusError(STATUS.internal, 'bad-request', what, { headers: { ':status': 400 } });
  }
  return Math.min(Math.ceil(Number(digits) * MILLISECONDS[unit as keyof typeof MILLISECONDS]), LONGEST);
}

function text(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join() : value;
}
