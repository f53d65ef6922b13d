import type { IncomingHttpHeaders } from 'node:http2';
import type { Credentials } from '../../core/authenticator.ts';
import type { Method } from './method.ts';
import { STATUS, StatusError } from './status.ts';
import { parseTimeout } from './timeout.ts';

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

/** Reads the headers of a call. Throws `StatusError` with the response headers that such a refusal has. */
export function readHead(headers: IncomingHttpHeaders, methods: ReadonlyMap<string, Method>): RequestHead {
  const contentType = headers['content-type'] ?? '';
  if (contentType !== 'application/grpc' && !CONTENT_TYPE.test(contentType)) {
    throw refusal(STATUS.invalidArgument, 'unsupported-media-type', 'the content type must be application/grpc', {
      ':status': 415,
    });
  }
  if (headers[':method'] !== 'POST') {
    throw refusal(STATUS.internal, 'method-not-allowed', 'the method must be POST', { ':status': 405, allow: 'POST' });
  }
  const timeout = text(headers, 'grpc-timeout');
  const milliseconds = timeout === undefined ? undefined : parseTimeout(timeout);
  const method = methods.get(headers[':path'] ?? '');
  if (method === undefined) throw refusal(STATUS.unimplemented, 'no-route', 'there is no such service or method');
  const encoding = text(headers, 'grpc-encoding') ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw refusal(STATUS.unimplemented, 'unsupported-media-type', 'messages may be compressed with gzip only', {
      'grpc-accept-encoding': 'identity,gzip',
    });
  }
  const { authorization } = headers;
  return {
    method,
    timeout: milliseconds,
    gzip: encoding === 'gzip',
    credentials: authorization === undefined ? {} : { authorization },
  };
}

function text(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join() : value;
}

function refusal(
  status: number,
  reason: 'no-route' | 'method-not-allowed' | 'unsupported-media-type',
  message: string,
  headers: Record<string, string | number> = {},
): StatusError {
  return new StatusError(status, reason, message, { headers });
}
