import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { KeysteadError, type Reason } from '../../../core/errors.ts';
import { sendJson } from '../answer.ts';

/** What Fastify and Node call a failure that happens before our code runs, and what we call it. */
export const FOREIGN_ERRORS: Readonly<Record<string, readonly [Reason, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 'the body is larger than this route takes'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'send the body as application/json, in UTF-8'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad-request', 'the body is not as long as content-length says'],
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: ['unsupported-media-type', 'send the body as application/json, in UTF-8'],
  FST_ERR_NOT_FOUND: ['no-route', 'there is no such route'],
  FST_ERR_BAD_URL: ['bad-request', 'the path has malformed percent-encoding or is not UTF-8'],
  FST_ERR_MAX_PARAM_LENGTH: ['bad-id', 'the data key id is longer than 4096 bytes'],
  ECONNRESET: ['client-gone', 'the caller went away before the request was complete'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'the request did not arrive in time'],
  HPE_HEADER_OVERFLOW: ['headers-too-large', 'the request line and headers are too large'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['bad-request', 'the chunk extensions of the body are too large'],
};

/** Turns whatever was thrown or emitted into the one error class. */
export function toKeysteadError(error: unknown): KeysteadError {
  if (error instanceof KeysteadError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (Object.hasOwn(FOREIGN_ERRORS, code)) {
    const [reason, message] = FOREIGN_ERRORS[code] as readonly [Reason, string];
    return new KeysteadError(reason, message, { cause: error });
  }
  if (code.startsWith('HPE_')) return new KeysteadError('bad-request', 'this is not valid HTTP/1.1', { cause: error });
  return KeysteadError.from(error);
}

/** RFC 9457. */
export function problemOf(error: KeysteadError, traceId: string): object {
  return {
    type: `urn:keystead:problem:${error.reason}`,
    title: error.title,
    status: error.httpStatus,
    detail: error.message,
    instance: `urn:keystead:audit:${traceId}`,
    code: error.code,
    reason: error.reason,
    retryable: error.retryable,
  };
}

/** Answers a failure. The headers that some statuses ask for are here and nowhere else. */
export function sendProblem(reply: FastifyReply, error: KeysteadError, traceId: string): FastifyReply {
  const status = error.httpStatus;
  reply.code(status);
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  if (error.retryAfter !== undefined) reply.header('retry-after', String(Math.ceil(error.retryAfter)));
  return sendJson(reply, problemOf(error, traceId), 'application/problem+json');
}

/** Writes failures that are the server's own fault to the log; what callers do wrong is in the audit trail. */
export function faultLog(log: Logger | false): (error: KeysteadError, request: FastifyRequest) => void {
  return (error, request) => {
    if (log === false || (error.code !== 'internal' && error.code !== 'data_loss')) return;
    log.error({ err: error.cause ?? error, reason: error.reason, auditId: request.id }, 'request failed');
  };
}
