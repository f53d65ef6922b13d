import { KeysteadError, type Reason } from '../../core/errors.ts';
import { type Failure, failureOf, withoutRequest } from './failure.ts';

export type VaultOperation = 'describe' | 'wrap' | 'unwrap';

/** What a call was about: `key k in v.vault.azure.net`, `container c of v.blob.core.windows.net`. */
export interface Target {
  readonly name: string;
  /** Of a vault only. */
  readonly operation?: VaultOperation;
}

/** A row of the tables below: the first whose `when` holds gives the reason. `says` follows the name of the thing. */
export interface Row {
  readonly reason: Reason;
  when(failure: Failure, operation: VaultOperation | undefined): boolean;
  readonly says: string;
}

const row = (reason: Reason, when: Row['when'], says: string): Row => ({ reason, when, says });
const either =
  (...tests: Row['when'][]): Row['when'] =>
  (failure, operation) =>
    tests.some((test) => test(failure, operation));
const code =
  (...codes: string[]) =>
  (failure: Failure) =>
    codes.includes(failure.code) || codes.includes(failure.inner);
const aadsts =
  (...numbers: number[]) =>
  ({ aadsts }: Failure) =>
    aadsts !== '' && numbers.includes(Number(aadsts));
const status =
  (...statuses: number[]) =>
  (failure: Failure) =>
    statuses.includes(failure.status);
const said = (pattern: RegExp) => (failure: Failure) => pattern.test(failure.text);
const refused = (pattern: RegExp) => (failure: Failure) =>
  (failure.status === 401 || failure.status === 403) && pattern.test(failure.text);
const identity = ({ name }: Failure) =>
  /^(Credential|Authentication|AggregateAuthentication)\w*Error$|^ClientAuthError$|^ServerError$/.test(name);

/** Who we are: Microsoft Entra, managed identities, and tokens that a service refuses. */
const CREDENTIALS: readonly Row[] = [
  row(
    'credentials-expired',
    either(aadsts(7000222, 700024), refused(/expired/i)),
    'the client secret, federated token or access token has expired; renew it, and check the clock of this machine',
  ),
  row(
    'clock-skew',
    either(aadsts(500133), refused(/not yet valid|RequestTimeTooSkewed/i)),
    'Azure refuses the time of the request; set the clock of this machine',
  ),
  row(
    'wrong-region',
    aadsts(900382, 900439, 90051),
    'the tenant is in another cloud of Azure; check vaultType, endpoint and AZURE_AUTHORITY_HOST',
  ),
  row('provider-denied', aadsts(53003, 530031, 7000112), 'Microsoft Entra does not permit it; see its sign-in log'),
  row('provider-throttled', aadsts(50196, 90055), 'Microsoft Entra asks to slow down; try again later'),
  row(
    'provider-credentials',
    said(/not configured to acquire tokens for tenant/i),
    'it is in another tenant than the credentials; check tenantID',
  ),
  row(
    'provider-credentials',
    either(({ name }) => name === 'AggregateAuthenticationError', said(/^failed to retrieve a valid token/i)),
    'no credentials were found; give tenantID, clientID and clientSecret in the URI, or set up workload or managed identity',
  ),
];

/** After the network's: whatever else went wrong with credentials. */
const NO_CREDENTIALS: readonly Row[] = [
  row(
    'provider-credentials',
    either(
      identity,
      status(401),
      code('AuthenticationFailed', 'InvalidAuthenticationInfo', 'NoAuthenticationInformation'),
    ),
    'Azure did not accept the credentials; check tenantID, clientID and clientSecret, or the identity of the workload',
  ),
];

const UNREACHABLE: readonly (readonly [when: Row['when'], says: string])[] = [
  [
    either(
      code(
        'EPROTO',
        'CERT_HAS_EXPIRED',
        'CERT_NOT_YET_VALID',
        'ERR_TLS_CERT_ALTNAME_INVALID',
        'DEPTH_ZERO_SELF_SIGNED_CERT',
      ),
      ({ code }) => /^(SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_SSL|ERR_TLS)_/.test(code),
    ),
    'TLS failed: the certificate is not trusted, or it is no TLS server; for a private endpoint give its CA in NODE_EXTRA_CA_CERTS',
  ],
  [code('ENOTFOUND', 'EAI_AGAIN'), 'the name of the server could not be resolved; check the names in the URI, and DNS'],
  [code('ECONNREFUSED'), 'the server refused the connection; check endpoint and firewall'],
  [code('ENETUNREACH', 'EHOSTUNREACH'), 'there is no route to the server; check the network'],
  [
    // Who aborts a call himself is not asked here.
    either(code('ECONNRESET', 'EPIPE', 'ECONNABORTED', 'REQUEST_SEND_ERROR'), ({ name }) => name === 'AbortError'),
    'the connection broke; try again',
  ],
  [
    said(/endpoints_resolution_error|openid_config_error|network_error|ManagedIdentityCredential.*(ECONN|ENOTFOUND)/i),
    'the place that gives tokens could not be reached; check AZURE_AUTHORITY_HOST, network and DNS',
  ],
];

const network = (unreachable: Reason, timeout: Reason): Row[] => [
  ...UNREACHABLE.map(([when, says]) => row(unreachable, when, says)),
  row(
    timeout,
    either(code('ETIMEDOUT', 'ESOCKETTIMEDOUT', 'OperationTimedOut'), status(408, 504)),
    'there was no answer in time; try again',
  ),
  row(
    unreachable,
    either(({ status }) => status >= 500 && status !== 501, said(/^(server_error|temporarily_unavailable):/)),
    'Azure failed to answer; try again',
  ),
];

const throttled = (when: Row['when']) =>
  row('provider-throttled', when, 'Azure asks to slow down; try again later or spread the load');
const denied = (when: Row['when']) =>
  row(
    'provider-denied',
    when,
    'Azure does not permit it; check roles, access policies and the firewall (docs/reference/providers/azure.md)',
  );

/** Key Vault and Managed HSM. */
export const KMS_ROWS: readonly Row[] = [
  throttled(status(429)),
  row(
    'key-stopped',
    either(code('KeyDisabled'), refused(/disabled key|key is disabled/i)),
    'the key is disabled; enable it',
  ),
  row(
    'key-stopped',
    either(code('KeyExpired', 'KeyNotYetValid'), refused(/expired key|key .*not yet valid|before its activation/i)),
    'the key has expired, or is not valid yet; move its dates, or rotate it',
  ),
  row(
    'wrong-key-type',
    either(code('KeyOperationForbidden'), refused(/operation \w+ is not (permitted|allowed) on this key/i)),
    'the key does not allow it; give one that allows wrapKey and unwrapKey',
  ),
  ...CREDENTIALS,
  denied(status(403)),
  row(
    'key-pending-deletion',
    code('ObjectIsDeletedButRecoverable', 'ObjectIsBeingDeleted'),
    'the key is deleted; recover it while that is possible',
  ),
  row('no-kek', status(404), 'there is no such key, or it was deleted; check vaultName, keyName and keyVersion'),
  row(
    'wrong-key-type',
    either(
      said(/algorithm .*not supported|not supported .*algorithm|key type/i),
      (failure, operation) => status(400)(failure) && operation === 'wrap',
    ),
    'the key does not fit the algorithm; give an RSA key, or an oct-HSM key of a Managed HSM and algorithm= for its size',
  ),
  row(
    'context-mismatch',
    (failure, operation) => failure.status === 400 && operation === 'unwrap',
    'the wrapped key does not open: it was changed, or wrapped by another key',
  ),
  row(
    'kms-unreachable',
    said(/challenge (resource|origin) '.*does not match/i),
    'the server asks for tokens that are not for it; check vaultName, vaultType and endpoint',
  ),
  ...network('kms-unreachable', 'kms-timeout'),
  ...NO_CREDENTIALS,
];

/** Blob Storage. What an absent record, a stale etag and an existing blob are, the store says itself. */
export const STORE_ROWS: readonly Row[] = [
  throttled(either(status(429), code('ServerBusy'))),
  ...CREDENTIALS,
  row(
    'no-bucket',
    code('ContainerNotFound', 'ContainerBeingDeleted', 'ContainerDisabled'),
    'there is no such container, or it is being deleted; create it, or give create=true in the URI',
  ),
  row('no-bucket', code('InvalidResourceName'), 'Azure takes no such name; check account and container'),
  row(
    'not-supported',
    code('OutOfRangeInput', 'InvalidUri', 'InvalidInput'),
    'Azure takes no such name of a record; give a shorter prefix, without special characters',
  ),
  row(
    'provider-denied',
    code('BlobImmutableDueToPolicy', 'UnmodifiableByPolicy', 'ContainerImmutabilityPolicyFailure'),
    'an immutability policy of the container forbids the change',
  ),
  row(
    'concurrent-write',
    code('LeaseIdMissing', 'LeaseAlreadyPresent', 'LeaseLost'),
    'somebody holds a lease on the blob or the container; release or break it',
  ),
  row(
    'not-supported',
    code(
      'InvalidBlobType',
      'BlobArchived',
      'ResourceTypeMismatch',
      'FeatureNotYetSupportedForHierarchicalNamespaceAccounts',
    ),
    'it holds something that is no block blob, or is archived; give a container of its own, in an account without hierarchical namespace',
  ),
  ...network('store-unreachable', 'store-timeout'),
  ...NO_CREDENTIALS,
  denied(status(403)),
];

export function kmsError(error: unknown, target: Target): KeysteadError {
  return classify(KMS_ROWS, error, target);
}

export function storeError(error: unknown, target: Target): KeysteadError {
  return classify(STORE_ROWS, error, target);
}

/** The one name of a failed call. What no row knows is `unexpected`, its text kept in `cause`. */
function classify(rows: readonly Row[], error: unknown, { name, operation }: Target): KeysteadError {
  if (error instanceof KeysteadError) return error;
  const failure = failureOf(error);
  const found = rows.find(({ when }) => when(failure, operation));
  const cause = withoutRequest(error);
  if (found === undefined) {
    return new KeysteadError('unexpected', `${name}: something unexpected happened; the log has the details`, {
      cause,
    });
  }
  const { retryAfter } = failure;
  const options = retryAfter === undefined ? { cause } : { cause, retryAfter };
  return new KeysteadError(found.reason, `${name}: ${found.says}`, options);
}
