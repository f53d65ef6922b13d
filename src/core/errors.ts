/**
 * The product's one error class and its one table.
 *
 * A `reason` is a stable word that users may match on; it names its `code`; the code gives the HTTP status, the gRPC
 * status (numbers of google.rpc.Code), the exit status (numbers of sysexits.h) and whether trying again can help.
 */

/** Canonical codes, named as gRPC names them. */
export const CODES = {
  invalid_argument: { http: 400, grpc: 3, exit: 64, retryable: false },
  unauthenticated: { http: 401, grpc: 16, exit: 77, retryable: false },
  permission_denied: { http: 403, grpc: 7, exit: 77, retryable: false },
  not_found: { http: 404, grpc: 5, exit: 66, retryable: false },
  already_exists: { http: 409, grpc: 6, exit: 73, retryable: false },
  aborted: { http: 409, grpc: 10, exit: 75, retryable: true },
  failed_precondition: { http: 409, grpc: 9, exit: 65, retryable: false },
  resource_exhausted: { http: 429, grpc: 8, exit: 75, retryable: true },
  canceled: { http: 499, grpc: 1, exit: 130, retryable: false },
  deadline_exceeded: { http: 504, grpc: 4, exit: 75, retryable: true },
  unavailable: { http: 503, grpc: 14, exit: 75, retryable: true },
  unimplemented: { http: 501, grpc: 12, exit: 69, retryable: false },
  data_loss: { http: 500, grpc: 15, exit: 65, retryable: false },
  internal: { http: 500, grpc: 13, exit: 70, retryable: false },
} as const satisfies Record<string, { http: number; grpc: number; exit: number; retryable: boolean }>;

export type Code = keyof typeof CODES;

interface ReasonRow {
  readonly code: Code;
  /** Sharpens the HTTP status of the code. */
  readonly http?: number;
  /** RFC 9457 `title`: the same for every occurrence. */
  readonly title: string;
}

/** Stable kebab-case words. A new one is added here and nowhere else. */
export const REASONS = {
  'bad-id': { code: 'invalid_argument', title: 'The data key id is not valid' },
  'bad-length': { code: 'invalid_argument', title: 'The key length is not valid' },
  'bad-version': { code: 'invalid_argument', title: 'The key version is not valid' },
  'bad-request': { code: 'invalid_argument', title: 'The request is not valid' },
  'bad-json': { code: 'invalid_argument', title: 'The body is not valid JSON' },
  'bad-uri': { code: 'invalid_argument', title: 'The URI is not valid' },
  'bad-usage': { code: 'invalid_argument', title: 'The command line is not valid' },
  'bad-config': { code: 'invalid_argument', title: 'The configuration is not valid' },
  'bad-declaration': { code: 'invalid_argument', title: 'The declaration of a key is not valid' },
  'bad-accessor': { code: 'invalid_argument', title: 'The accessor is not valid' },
  'bad-account': { code: 'invalid_argument', title: 'The account is not valid' },
  'bad-secrets-file': { code: 'invalid_argument', title: 'The secrets file is not valid' },
  'bad-policy': { code: 'invalid_argument', title: 'The policy is not valid' },
  'bad-master-secret': { code: 'invalid_argument', title: 'The master secret is not valid' },
  'bad-salt': { code: 'invalid_argument', title: 'The salt is not valid' },
  'bad-message': { code: 'invalid_argument', title: 'The message is not valid protobuf' },
  'body-too-large': { code: 'invalid_argument', http: 413, title: 'The body is too large' },
  'unsupported-media-type': { code: 'invalid_argument', http: 415, title: 'The content type is not supported' },
  'not-acceptable': { code: 'invalid_argument', http: 406, title: 'No acceptable representation' },
  'no-credentials': { code: 'unauthenticated', title: 'Credentials are needed' },
  'bad-credentials': { code: 'unauthenticated', title: 'The credentials were not accepted' },
  'credentials-expired': { code: 'unauthenticated', title: 'The credentials for the cloud provider have expired' },
  'provider-credentials': { code: 'unauthenticated', title: 'The cloud provider did not get credentials it accepts' },
  policy: { code: 'permission_denied', title: 'Not permitted by policy' },
  'provider-refused': { code: 'invalid_argument', title: 'The cloud provider does not take what was asked of it' },
  'provider-denied': { code: 'permission_denied', title: 'The cloud provider did not permit it' },
  'no-access': { code: 'permission_denied', title: 'No chain of roles leads to the account' },
  'no-route': { code: 'not_found', title: 'There is no such route' },
  'method-not-allowed': { code: 'invalid_argument', http: 405, title: 'The method is not allowed here' },
  'no-data-key': { code: 'not_found', title: 'There is no such data key' },
  'no-version': { code: 'not_found', title: 'There is no such version' },
  'no-page': { code: 'not_found', title: 'There is no such page' },
  'no-kek': { code: 'not_found', title: 'There is no such key-encryption key' },
  'no-parameter': { code: 'not_found', title: 'There is no such parameter' },
  'no-bucket': { code: 'not_found', title: 'There is no such bucket' },
  'no-refusal': { code: 'not_found', title: 'There is no such refusal' },
  'no-file': { code: 'not_found', title: 'The file is not there' },
  'cannot-read': { code: 'not_found', title: 'The file cannot be read' },
  'cannot-write': { code: 'failed_precondition', title: 'The file cannot be written' },
  'tool-failed': { code: 'failed_precondition', title: 'Another program that was needed failed' },
  'data-key-exists': { code: 'already_exists', title: 'The data key exists already' },
  'name-taken': { code: 'already_exists', title: 'The name belongs to another key' },
  'kek-exists': { code: 'already_exists', title: 'The service has another key-encryption key' },
  'file-exists': { code: 'already_exists', title: 'The file exists already' },
  'stale-etag': { code: 'aborted', http: 412, title: 'The record has changed since it was read' },
  'concurrent-write': { code: 'aborted', title: 'Someone else is changing the record' },
  'length-mismatch': { code: 'failed_precondition', title: 'The data key has another length' },
  'check-mismatch': { code: 'failed_precondition', http: 412, title: 'The data key is not the expected one' },
  'fingerprint-mismatch': { code: 'failed_precondition', title: 'The key-encryption key is not the expected one' },
  'unknown-kek': { code: 'failed_precondition', title: 'The key-encryption key is not configured' },
  precondition: { code: 'failed_precondition', http: 428, title: 'A precondition is missing or does not hold' },
  'pending-deletion': { code: 'failed_precondition', http: 423, title: 'The data key is pending deletion' },
  'nothing-stored': { code: 'failed_precondition', title: 'Derived data keys are not stored' },
  sealed: { code: 'failed_precondition', http: 503, title: 'The service is sealed' },
  'key-stopped': { code: 'failed_precondition', title: 'The key-encryption key is disabled' },
  'key-pending-deletion': { code: 'failed_precondition', title: 'The key-encryption key is being deleted' },
  'key-differs': { code: 'failed_precondition', title: 'The key differs in what cannot be changed' },
  'needs-confirmation': { code: 'failed_precondition', title: 'It would do harm and was not confirmed' },
  'provider-quota': { code: 'failed_precondition', title: 'A quota of the cloud provider is used up' },
  'wrong-account': { code: 'failed_precondition', title: 'The credentials are of another account' },
  'wrong-region': { code: 'failed_precondition', title: 'It is in another region' },
  'wrong-key-type': { code: 'failed_precondition', title: 'The key-encryption key is of the wrong type' },
  'clock-skew': { code: 'failed_precondition', title: 'The clock of this machine is off' },
  'request-timeout': { code: 'deadline_exceeded', http: 408, title: 'The request did not arrive in time' },
  timeout: { code: 'deadline_exceeded', title: 'The deadline has passed' },
  'state-timeout': { code: 'deadline_exceeded', title: 'The key did not come to the wanted state in time' },
  'kms-timeout': { code: 'deadline_exceeded', title: 'The key management service did not answer in time' },
  'store-timeout': { code: 'deadline_exceeded', title: 'The store did not answer in time' },
  'sts-timeout': { code: 'deadline_exceeded', title: 'The security token service did not answer in time' },
  'client-gone': { code: 'canceled', title: 'The caller went away' },
  'store-full': { code: 'resource_exhausted', http: 507, title: 'The store is full' },
  'provider-throttled': { code: 'resource_exhausted', title: 'The cloud provider asks to slow down' },
  'upstream-busy': { code: 'resource_exhausted', title: 'Too many calls wait for the KMS or the store' },
  'headers-too-large': { code: 'invalid_argument', http: 431, title: 'The request line and headers are too large' },
  'rate-limit': { code: 'resource_exhausted', title: 'Too many requests from one caller' },
  'too-many-requests': { code: 'resource_exhausted', title: 'Too many requests' },
  'audit-unavailable': { code: 'unavailable', title: 'The audit record could not be written' },
  'store-lagging': { code: 'unavailable', title: 'The store does not show yet what it has stored' },
  'store-inconsistent': { code: 'data_loss', title: 'The store contradicts itself' },
  'store-unreachable': { code: 'unavailable', title: 'The store could not be reached' },
  'kms-unreachable': { code: 'unavailable', title: 'The key management service could not be reached' },
  'key-unnamed': { code: 'unavailable', title: 'A key was made and could not be given its name' },
  'key-store-away': { code: 'unavailable', title: 'The key store behind the key management service is away' },
  'kek-secret-unreachable': { code: 'unavailable', title: 'The Secret with the KEK could not be reached' },
  'sts-unreachable': { code: 'unavailable', title: 'The security token service could not be reached' },
  'access-unavailable': { code: 'unavailable', title: 'No chain of roles leads to the account at this time' },
  'kms-bad-answer': { code: 'unavailable', title: 'The key management service gave a damaged answer' },
  'issuer-unreachable': { code: 'unavailable', title: 'The keys of the token issuer could not be fetched' },
  'token-review-unavailable': { code: 'unavailable', title: 'The API server could not be asked about the token' },
  'server-unreachable': { code: 'unavailable', title: 'The key service could not be reached' },
  closing: { code: 'unavailable', title: 'The service is closing' },
  overloaded: { code: 'unavailable', title: 'The service has no memory left for more requests' },
  'not-ready': { code: 'unavailable', title: 'The service is not ready' },
  'address-in-use': { code: 'unavailable', title: 'The address is in use' },
  'cannot-listen': { code: 'unavailable', title: 'The service cannot listen there' },
  'not-implemented': { code: 'unimplemented', title: 'Not part of this version' },
  'not-supported': { code: 'unimplemented', title: 'Not supported by this provider' },
  'sdk-not-installed': { code: 'unimplemented', title: 'The SDK of the cloud provider is not installed' },
  'bad-answer': { code: 'data_loss', title: 'The answer of the key service is not valid' },
  'record-corrupt': { code: 'data_loss', title: 'The stored record is damaged' },
  'context-mismatch': { code: 'data_loss', title: 'The wrapped key does not belong to this name' },
  'key-not-defined': { code: 'not_found', title: 'The key is not defined' },
  'key-defined': { code: 'already_exists', title: 'The key is defined already' },
  'bad-key-definition': { code: 'invalid_argument', title: 'The definition of the key is not valid' },
  'bad-key-value': { code: 'invalid_argument', title: 'The value of the key is not valid' },
  'bad-key-pair': { code: 'invalid_argument', title: 'The pair of keys is not valid' },
  'bad-flow': { code: 'invalid_argument', title: 'There is no such flow' },
  'get-key': { code: 'failed_precondition', title: 'The key could not be had' },
  'key-changed': { code: 'failed_precondition', title: 'A callback of the change of the key failed' },
  'key-deadlock': { code: 'failed_precondition', title: 'Uses of keys would wait for each other for ever' },
  'bad-key-state': { code: 'data_loss', title: 'The saved state of the key is damaged' },
  'key-state': { code: 'unavailable', title: 'The saved state of the key could not be read' },
  'no-state-repository': { code: 'failed_precondition', title: 'There is nowhere to save the state of keys' },
  unexpected: { code: 'internal', title: 'Something unexpected happened' },
} as const satisfies Record<string, ReasonRow>;

export type Reason = keyof typeof REASONS;

export interface ErrorOptions {
  /** What happened underneath: for the log, never for the caller. */
  readonly cause?: unknown;
  /** Seconds after which trying again makes sense. */
  readonly retryAfter?: number;
}

/**
 * Everything that fails in this product fails with this class.
 *
 * The message says what happened, to what, and what to do next; lower case, no full stop, never a key, token or
 * credential. Act on `code` and `reason`, never on the text.
 */
export class KeysteadError extends Error {
  override readonly name = 'KeysteadError';
  readonly reason: Reason;
  readonly code: Code;
  readonly retryAfter: number | undefined;

  constructor(reason: Reason, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.code = REASONS[reason].code;
    this.retryAfter = options.retryAfter;
  }

  /** Turns anything caught into the one class. What is not known becomes `internal`, its text kept in `cause` only. */
  static from(error: unknown): KeysteadError {
    if (error instanceof KeysteadError) return error;
    return new KeysteadError('unexpected', 'something unexpected happened; the log has the details', { cause: error });
  }

  /** The same failure, told in other words. */
  saying(message: string): KeysteadError {
    const { retryAfter } = this;
    return new KeysteadError(this.reason, message, {
      cause: this,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    });
  }

  get title(): string {
    return REASONS[this.reason].title;
  }

  get httpStatus(): number {
    const row: ReasonRow = REASONS[this.reason];
    return row.http ?? CODES[row.code].http;
  }

  get grpcStatus(): number {
    return CODES[this.code].grpc;
  }

  get exitStatus(): number {
    return CODES[this.code].exit;
  }

  get retryable(): boolean {
    return CODES[this.code].retryable;
  }
}
