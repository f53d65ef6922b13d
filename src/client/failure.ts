import { KeysteadError } from '../core/errors.ts';

/** One attempt that did not give an answer. */
export interface Failure {
  readonly error: KeysteadError;
  /** Trying again may help. */
  readonly retryable: boolean;
  /** The service certainly did nothing, so that even a call that must not happen twice may be repeated. */
  readonly untouched: boolean;
}

const TLS =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERROR_IN_CERT|HOSTNAME_MISMATCH|INVALID_)/;

/** A connection that was not made, or broke before the answer was complete. */
export function connectionFailure(error: unknown, server: string): Failure {
  const { code, syscall } = rootCause(error);
  if (TLS.test(code)) {
    const text = `no secure connection to ${server} (${code}); check the CA, certificate and key files`;
    return { error: unreachable(text, error), retryable: false, untouched: true };
  }
  if (hasBadPort(error)) {
    const text = `fetch does not talk to the port of ${server}, which belongs to another protocol; use another port`;
    return { error: unreachable(text, error), retryable: false, untouched: true };
  }
  const untouched = syscall === 'connect' || syscall === 'getaddrinfo' || code === 'UND_ERR_CONNECT_TIMEOUT';
  const what = untouched ? 'could not be reached' : 'broke the connection before its answer was complete';
  const hint = code === 'ECONNREFUSED' ? ': nothing listens there' : '';
  const text = `the key service at ${server} ${what}${code === '' ? '' : ` (${code}${hint})`}`;
  return { error: unreachable(text, error), retryable: true, untouched };
}

/** An answer that tells of an error. */
export function answerFailure(error: KeysteadError): Failure {
  // What these refuse, they refuse before they act; any other failure may come after the key was made.
  const untouched = error.reason === 'closing' || error.code === 'resource_exhausted';
  return { error, retryable: error.retryable, untouched };
}

/** An answer that cannot be used and would be no better the next time. */
export function finalFailure(error: KeysteadError): Failure {
  return { error, retryable: false, untouched: false };
}

function unreachable(text: string, cause: unknown): KeysteadError {
  return new KeysteadError('server-unreachable', text, { cause });
}

function rootCause(error: unknown): { code: string; syscall: string } {
  let at = error;
  for (let depth = 0; depth < 5 && at instanceof Error; depth++) {
    const { code, syscall } = at as NodeJS.ErrnoException;
    if (typeof code === 'string') return { code, syscall: syscallOf(at) ?? String(syscall ?? '') };
    at = at.cause;
  }
  return { code: '', syscall: '' };
}

/** The Fetch standard blocks some ports, and its implementation has no code for that. */
function hasBadPort(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof Error && error.cause.message === 'bad port';
}

/** Several addresses of one name fail together. */
function syscallOf(error: Error): string | undefined {
  return error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined)?.syscall : undefined;
}
