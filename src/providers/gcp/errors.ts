import { KeysteadError, type Reason } from '../../core/errors.ts';
import { type Failure, failureOf, withoutRequest } from './failure.ts';

/** A row of the tables below: the first whose `when` holds gives the reason. `text` follows the name of the thing. */
export interface Row {
  readonly reason: Reason;
  when(failure: Failure): boolean;
  text(failure: Failure): string;
}

const row = (reason: Reason, when: Row['when'], text: string | Row['text']): Row => ({
  reason,
  when,
  text: typeof text === 'string' ? () => text : text,
});
const said = (pattern: RegExp) => (failure: Failure) => pattern.test(failure.text);
const either =
  (...tests: Row['when'][]) =>
  (failure: Failure) =>
    tests.some((test) => test(failure));
const grpc =
  (status: number, pattern = /(?:)/) =>
  (failure: Failure) =>
    failure.grpc === status && pattern.test(failure.text);
const http =
  (...statuses: number[]) =>
  (failure: Failure) =>
    failure.http !== undefined && statuses.includes(failure.http);
const code = (pattern: RegExp) => (failure: Failure) => pattern.test(failure.code) || pattern.test(failure.text);
const word = (pattern: RegExp) => (failure: Failure) => pattern.test(failure.reason);

const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

/** Who we are: both services, and the places that give tokens. */
const CREDENTIALS: readonly Row[] = [
  row(
    'clock-skew',
    said(/reasonable timeframe|iat and exp values|used too early|issued in the future/i),
    'Google refused a token because of its times; set the clock of this machine (NTP)',
  ),
  row(
    'credentials-expired',
    either(
      word(/^ACCESS_TOKEN_EXPIRED$/),
      said(/invalid_grant.*(expired|revoked)|invalid_rapt|token has expired/is),
      said(/invalid authentication credentials|^Invalid Credentials$/im),
    ),
    'the credentials have expired or were revoked; renew them',
  ),
  row(
    'provider-credentials',
    said(/could not load the default credentials/i),
    'there are no credentials; give credentialsPath, or set up application default credentials',
  ),
  row(
    'provider-credentials',
    either(
      grpc(UNAUTHENTICATED),
      http(401),
      said(
        /invalid_grant|invalid_client|unauthorized_client|does not exist, or it is not a file|Unable to read the cred/i,
      ),
      code(/ERR_OSSL|DECODER routines/),
    ),
    'Google did not accept the credentials; check the service account, its key and its file',
  ),
];

const UNREACHABLE: readonly (readonly [RegExp, string])[] = [
  [
    /certificate|CERT_|self.signed|ERR_TLS|ERR_SSL|EPROTO|wrong version number/i,
    'TLS failed: the certificate was not accepted, or it is no TLS server; check endpoint, CA and a proxy between',
  ],
  [/ENOTFOUND|EAI_AGAIN|name resolution failed/i, 'its host name could not be resolved; check DNS and endpoint'],
  [/ECONNREFUSED/, 'the connection was refused; check endpoint and firewall'],
  [/EHOSTUNREACH|ENETUNREACH/, 'there is no route to it; check network and firewall'],
  [
    /ECONNRESET|EPIPE|socket hang up|premature close|RST_STREAM|connection dropped|ERR_STREAM_PREMATURE/i,
    'the connection was cut; try again',
  ],
];

/** The network: last, because what a service says of itself is more than how it was reached. */
const network = (unreachable: Reason, timeout: Reason): Row[] => [
  ...UNREACHABLE.map(([pattern, text]) => row(unreachable, code(pattern), text)),
  row(
    timeout,
    either(grpc(DEADLINE_EXCEEDED), http(408, 504), code(/ETIMEDOUT|TimeoutError/)),
    'it did not answer in time',
  ),
  row(unreachable, either(grpc(UNAVAILABLE), http(500, 502, 503)), 'it is not available now; try again'),
];

const permission = (failure: Failure): string | undefined =>
  /\b((?:cloudkms|storage)\.[a-zA-Z]+\.[a-zA-Z]+)\b/.exec(failure.text)?.[1];

const denied: Row['text'] = (failure) => {
  const name = permission(failure);
  return name === undefined
    ? 'Google did not permit it; check the roles of the service account, and that API and billing are on'
    : `the permission ${name} is missing; grant it to the service account`;
};

/** Cloud KMS. The texts matched are those of the service; see docs/reference/providers/gcp.md. */
export const KMS_ROWS: readonly Row[] = [
  row(
    'kms-unreachable',
    said(/received HTTP status code/i),
    'what answered there is not Cloud KMS; check endpoint and proxies',
  ),
  ...CREDENTIALS,
  row('provider-throttled', grpc(RESOURCE_EXHAUSTED), 'Cloud KMS asks to slow down; check the quota of the project'),
  row('provider-denied', grpc(PERMISSION_DENIED), denied),
  row(
    'wrong-region',
    said(/but was sent to location|request was misrouted/i),
    'the key is in another location than the endpoint; check location and endpoint',
  ),
  row('no-kek', grpc(NOT_FOUND), 'it is not there; check projectID, location, keyRing and keyName'),
  row(
    'wrong-key-type',
    either(grpc(FAILED_PRECONDITION, /key purpose/i), grpc(INVALID_ARGUMENT, /key purpose/i)),
    'the purpose of the key is not ENCRYPT_DECRYPT; name a symmetric key',
  ),
  row(
    'key-pending-deletion',
    grpc(FAILED_PRECONDITION, /DESTROY_SCHEDULED|DESTROYED/),
    'the key version is destroyed or will be; restore it while that is possible',
  ),
  row(
    'key-stopped',
    grpc(FAILED_PRECONDITION, /is not enabled|DISABLED|PENDING_|_FAILED|primary version/i),
    'the key version is not enabled; enable it, or make an enabled version the primary one',
  ),
  row(
    'context-mismatch',
    grpc(INVALID_ARGUMENT, /decryption failed/i),
    'what was wrapped does not open: it was wrapped for another name, under another key, or is damaged',
  ),
  row('kms-bad-answer', grpc(INVALID_ARGUMENT, /checksum/i), 'the request was damaged on its way; try again'),
  row(
    'not-supported',
    grpc(INVALID_ARGUMENT, /no larger than/i),
    'key and context are too long for it (64 KiB each; 8 KiB together with protection level HSM)',
  ),
  ...network('kms-unreachable', 'kms-timeout'),
];

const ALREADY_EXISTS = 6;

/** Looking after keys: what wrapping and unwrapping cannot meet. */
export const ADMIN_ROWS: readonly Row[] = [
  row('name-taken', grpc(ALREADY_EXISTS), 'there is one of that name already'),
  ...KMS_ROWS,
  row(
    'provider-refused',
    either(grpc(INVALID_ARGUMENT), grpc(FAILED_PRECONDITION)),
    'Cloud KMS does not take a value of the request; check names, labels, days and the state of the key',
  ),
];

/** Cloud Storage. */
export const STORE_ROWS: readonly Row[] = [
  ...CREDENTIALS,
  row(
    'provider-throttled',
    either(http(429), word(/rateLimitExceeded/i)),
    'Cloud Storage asks to slow down; it takes one write a second to one object',
  ),
  row('provider-denied', http(403), denied),
  row(
    'no-bucket',
    (failure) => failure.http === 404 && (failure.reason === 'notFound' || /bucket does not exist/i.test(failure.text)),
    'it is not there; create it, or say create=true',
  ),
  row('store-unreachable', http(404), 'what answered there is not Cloud Storage; check endpoint and proxies'),
  row('stale-etag', http(412), 'the record has changed since it was read, or is gone'),
  ...network('store-unreachable', 'store-timeout'),
];

/** @param what names the thing that was asked for, such as `kms://gcp: key NAME`. */
export function kmsError(error: unknown, what: string): KeysteadError {
  return classify(KMS_ROWS, error, what);
}

/** As `kmsError`, where keys are looked after. */
export function adminError(error: unknown, what: string): KeysteadError {
  return classify(ADMIN_ROWS, error, what);
}

export function storeError(error: unknown, what: string): KeysteadError {
  return classify(STORE_ROWS, error, what);
}

function classify(rows: readonly Row[], error: unknown, what: string): KeysteadError {
  if (error instanceof KeysteadError) return error;
  const failure = failureOf(error);
  const found = rows.find(({ when }) => when(failure));
  const cause = withoutRequest(error);
  if (found === undefined) {
    return new KeysteadError('unexpected', `${what}: something unexpected happened; the log has the details`, {
      cause,
    });
  }
  const { retryAfter } = failure;
  const options = retryAfter === undefined ? { cause } : { cause, retryAfter };
  return new KeysteadError(found.reason, `${what}: ${found.text(failure)}`, options);
}
