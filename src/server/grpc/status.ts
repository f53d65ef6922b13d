import { type ErrorOptions, KeysteadError, type Reason } from '../../core/errors.ts';
import { bytesField, varintField } from './codec.ts';

/** Numbers of google.rpc.Code that a transport needs itself. */
export const STATUS = {
  ok: 0,
  canceled: 1,
  invalidArgument: 3,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
} as const;

/** Characters of a message at most: it travels in a header. */
const MAX_MESSAGE = 1024;

/** A failure whose gRPC status is not the one of its reason. */
export class StatusError extends KeysteadError {
  readonly #status: number;
  /** Response headers that go with it, such as another `:status`. */
  readonly headers: Readonly<Record<string, string | number>>;

  constructor(
    status: number,
    reason: Reason,
    message: string,
    options: ErrorOptions & { headers?: Record<string, string | number> } = {},
  ) {
    super(reason, message, options);
    this.#status = status;
    this.headers = options.headers ?? {};
  }

  override get grpcStatus(): number {
    return this.#status;
  }

  /** The same failure under another status. */
  static as(status: number, error: KeysteadError): KeysteadError {
    if (error.grpcStatus === status) return error;
    return new StatusError(status, error.reason, error.message, {
      cause: error.cause,
      ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
    });
  }
}

/** The trailers of a failed call: status, message, and google.rpc.Status with an ErrorInfo{reason, domain}. */
export function failureTrailers(error: KeysteadError): Record<string, string> {
  const text = error.message.slice(0, MAX_MESSAGE).toWellFormed();
  const info = Buffer.concat([bytesField(1, Buffer.from(error.reason)), bytesField(2, Buffer.from('keystead'))]);
  const any = Buffer.concat([
    bytesField(1, Buffer.from('type.googleapis.com/google.rpc.ErrorInfo')),
    bytesField(2, info),
  ]);
  const details = Buffer.concat([
    varintField(1, error.grpcStatus),
    bytesField(2, Buffer.from(text)),
    bytesField(3, any),
  ]);
  return {
    'grpc-status': String(error.grpcStatus),
    // Percent-encoded where it is not printable ASCII (gRPC over HTTP/2, "Responses").
    'grpc-message': text.replace(/[^ -$&-~]+/g, encodeURIComponent),
    // When to come again, for clients that try again by themselves (gRFC A6, "Pushback").
    ...(error.retryAfter === undefined ? {} : { 'grpc-retry-pushback-ms': String(Math.ceil(error.retryAfter * 1000)) }),
    'grpc-status-details-bin': details.toString('base64').replace(/=+$/, ''),
  };
}

/** For a path that no method has. */
export function noMethod(): StatusError {
  return new StatusError(STATUS.unimplemented, 'no-route', 'there is no such service or method');
}
