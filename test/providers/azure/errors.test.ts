import { inspect } from 'node:util';
import t from 'tap';
import { KeysteadError, type Reason } from '../../../src/core/errors.ts';
import {
  KMS_ROWS,
  kmsError,
  type Row,
  STORE_ROWS,
  storeError,
  type VaultOperation,
} from '../../../src/providers/azure/errors.ts';
import { failureOf } from '../../../src/providers/azure/failure.ts';

type Example = readonly [what: string, error: object, reason: Reason, operation?: VaultOperation];

const named = (name: string, message: string, more: object = {}) =>
  Object.assign(new Error(message), { name, ...more });
/** As keyvault-keys makes it. The request is what must never be shown. */
const vault = (statusCode: number, code: string, message = 'what Key Vault said', inner?: string) =>
  named('RestError', message, {
    statusCode,
    code,
    details: { error: { code, message, ...(inner === undefined ? {} : { innerError: { code: inner } }) } },
    request: { body: 'SECRET', headers: { authorization: 'SECRET' } },
  });
/** As storage-blob makes it. */
const blob = (statusCode: number, code: string, message = 'what Blob Storage said', authenticationErrorDetail = '') =>
  named('RestError', message, {
    statusCode,
    code,
    details: { errorCode: code, message, authenticationErrorDetail },
    request: { body: 'SECRET' },
  });
const node = (code: string) => named('RestError', `connect ${code} 127.0.0.1:1`, { code });
const entra = (text: string) =>
  named('AuthenticationRequiredError', `invalid_client: Error(s): Not Available - Description: ${text}`, {
    getTokenOptions: { claims: 'SECRET' },
  });

const CREDENTIALS: readonly Example[] = [
  [
    'a client secret that has expired',
    entra('AADSTS7000222: The provided client secret keys are expired.'),
    'credentials-expired',
  ],
  [
    'a federated token that has expired',
    entra('AADSTS700024: Client assertion is not within its valid time range.'),
    'credentials-expired',
  ],
  ['an assertion of another time', entra('AADSTS500133: Assertion is not within its valid time range.'), 'clock-skew'],
  [
    'a tenant of another cloud',
    entra('AADSTS900382: Confidential Client is not supported in Cross Cloud request.'),
    'wrong-region',
  ],
  ['a tenant of the US government', entra('AADSTS900439: USGClientNotSupportedOnPublicEndpoint'), 'wrong-region'],
  [
    'conditional access',
    entra('AADSTS53003: Access has been blocked by Conditional Access policies.'),
    'provider-denied',
  ],
  ['an application that is disabled', entra('AADSTS7000112: Application is disabled.'), 'provider-denied'],
  ['an Entra that throttles', entra('AADSTS90055: Tenant throttled.'), 'provider-throttled'],
  ['a wrong client secret', entra('AADSTS7000215: Invalid client secret provided.'), 'provider-credentials'],
  [
    'an unknown application',
    entra('AADSTS700016: Application was not found in the directory.'),
    'provider-credentials',
  ],
  [
    'another tenant',
    named('CredentialUnavailableError', 'The current credential is not configured to acquire tokens for tenant x.'),
    'provider-credentials',
  ],
  [
    'no credentials',
    named(
      'AggregateAuthenticationError',
      'ChainedTokenCredential authentication failed.\nManagedIdentityCredential: network_error',
    ),
    'provider-credentials',
  ],
  [
    'a managed identity that refuses',
    named('AuthenticationError', 'invalid_request Status code: 400', { statusCode: 400 }),
    'provider-credentials',
  ],
];

const network = (unreachable: Reason, timeout: Reason): Example[] => [
  ...[
    'EPROTO',
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ECONNREFUSED',
    'ENETUNREACH',
    'EHOSTUNREACH',
    'ECONNRESET',
    'EPIPE',
    'ECONNABORTED',
    'REQUEST_SEND_ERROR',
  ].map((code) => [code, node(code), unreachable] as const),
  ['a stream that was cut', named('AbortError', 'The operation was aborted.'), unreachable],
  [
    'an authority that is away',
    named('CredentialUnavailableError', 'endpoints_resolution_error: See https://aka.ms'),
    unreachable,
  ],
  ['a network without tokens', named('AuthenticationRequiredError', 'network_error: See https://aka.ms'), unreachable],
  ['an Entra that fails', named('AuthenticationRequiredError', 'server_error: Error(s): Not Available'), unreachable],
  ['ETIMEDOUT', node('ETIMEDOUT'), timeout],
  ['a gateway that times out', named('Error', '', { statusCode: 504 }), timeout],
  ['a gateway that fails', named('Error', '', { statusCode: 502 }), unreachable],
];

const KMS: readonly Example[] = [
  ...CREDENTIALS,
  ...network('kms-unreachable', 'kms-timeout'),
  ['throttling', named('Error', 'the vault throttles', { statusCode: 429, retryAfter: 3 }), 'provider-throttled'],
  [
    'a disabled key',
    vault(403, 'Forbidden', 'Operation is not allowed on a disabled key.', 'KeyDisabled'),
    'key-stopped',
    'wrap',
  ],
  [
    'a disabled key, said by text',
    vault(403, 'Forbidden', 'Operation wrapKey is not allowed on a disabled key.'),
    'key-stopped',
    'unwrap',
  ],
  [
    'an expired key',
    vault(403, 'Forbidden', 'Operation wrapKey is not allowed on an expired key.'),
    'key-stopped',
    'wrap',
  ],
  ['a key that is not valid yet', vault(403, 'Forbidden', 'x', 'KeyNotYetValid'), 'key-stopped', 'wrap'],
  [
    'a key that may not',
    vault(403, 'Forbidden', 'Operation wrapKey is not permitted on this key.', 'KeyOperationForbidden'),
    'wrong-key-type',
    'wrap',
  ],
  [
    'a role that is missing',
    vault(403, 'Forbidden', 'Caller is not authorized to perform action on resource.', 'ForbiddenByRbac'),
    'provider-denied',
  ],
  [
    'a firewall',
    vault(403, 'Forbidden', 'Client address is not authorized.', 'ForbiddenByFirewall'),
    'provider-denied',
  ],
  [
    'a token that has expired',
    vault(401, 'Unauthorized', 'IDX10223: Lifetime validation failed. The token is expired.'),
    'credentials-expired',
  ],
  [
    'a token of the future',
    vault(401, 'Unauthorized', 'IDX10222: Lifetime validation failed. The token is not yet valid.'),
    'clock-skew',
  ],
  ['a token for another', vault(401, 'Unauthorized', 'AKV10022: Invalid audience.'), 'provider-credentials'],
  ['a deleted key', vault(409, 'Conflict', 'x', 'ObjectIsDeletedButRecoverable'), 'key-pending-deletion'],
  ['no key', vault(404, 'KeyNotFound', 'A key with (name/id) k was not found in this key vault.'), 'no-kek'],
  [
    'an algorithm that does not fit',
    vault(400, 'BadParameter', 'Algorithm A256KW is not supported for unwrapKey with this key.'),
    'wrong-key-type',
    'unwrap',
  ],
  ['a wrap of a wrong parameter', vault(400, 'BadParameter', 'The parameter is incorrect.'), 'wrong-key-type', 'wrap'],
  [
    'an unwrap of something else',
    vault(400, 'BadParameter', 'The parameter is incorrect.'),
    'context-mismatch',
    'unwrap',
  ],
  [
    'a server that asks for tokens of another',
    new Error("The challenge resource 'a' does not match the requested domain."),
    'kms-unreachable',
  ],
  ['a vault that fails', vault(500, 'InternalServerError'), 'kms-unreachable'],
  ['what nobody knows', vault(400, 'BadParameter'), 'unexpected', 'describe'],
  ['what nobody knows either', new TypeError('x is not a function'), 'unexpected'],
];

const STORE: readonly Example[] = [
  ...CREDENTIALS,
  ...network('store-unreachable', 'store-timeout'),
  ['a busy server', blob(503, 'ServerBusy'), 'provider-throttled'],
  ['throttling', blob(429, 'TooManyRequests'), 'provider-throttled'],
  ['an operation that took too long', blob(500, 'OperationTimedOut'), 'store-timeout'],
  ['an account that fails', blob(500, 'InternalError'), 'store-unreachable'],
  ['no container', blob(404, 'ContainerNotFound'), 'no-bucket'],
  ['a container that is going', blob(409, 'ContainerBeingDeleted'), 'no-bucket'],
  ['a name that cannot be', blob(400, 'InvalidResourceName'), 'no-bucket'],
  ['a policy', blob(409, 'BlobImmutableDueToPolicy'), 'provider-denied'],
  ['a lease', blob(412, 'LeaseIdMissing'), 'concurrent-write'],
  ['a blob of another type', blob(409, 'InvalidBlobType'), 'not-supported'],
  ['an archived blob', blob(409, 'BlobArchived'), 'not-supported'],
  ['a name of the wrong length', blob(400, 'OutOfRangeInput'), 'not-supported'],
  ['a role that is missing', blob(403, 'AuthorizationPermissionMismatch'), 'provider-denied'],
  ['a firewall', blob(403, 'AuthorizationFailure'), 'provider-denied'],
  [
    'a token that has expired',
    blob(401, 'InvalidAuthenticationInfo', 'x', 'Lifetime validation failed. The token is expired.'),
    'credentials-expired',
  ],
  ['a token of the future', blob(401, 'InvalidAuthenticationInfo', 'x', 'The token is not yet valid.'), 'clock-skew'],
  ['a token that is none', blob(403, 'AuthenticationFailed'), 'provider-credentials'],
  ['what nobody knows', blob(400, 'InvalidHeaderValue'), 'unexpected'],
];

const tables = [
  ['the vault', KMS, KMS_ROWS, kmsError, 'key k in v.vault.azure.net'],
  ['the store', STORE, STORE_ROWS, storeError, 'container c of account a'],
] as const;

for (const [where, examples, rows, classify, name] of tables) {
  t.test(`each failure of ${where} has one name, with the thing and without a secret`, async (t) => {
    for (const [what, thrown, reason, operation] of examples) {
      const error = classify(thrown, operation === undefined ? { name } : { name, operation });
      t.equal(error.reason, reason, what);
      t.ok(error.message.startsWith(`${name}: `), what);
      t.notMatch(inspect(error, { depth: 20, showHidden: true }), /SECRET/, what);
    }
  });
  t.test(`no row of ${where} is without its failure`, async (t) => {
    const first = ([, thrown, , operation]: Example) =>
      rows.find(({ when }: Row) => when(failureOf(thrown), operation));
    const found = new Set(examples.map(first));
    for (const row of rows) t.ok(found.has(row), `${row.reason}: ${row.says}`);
  });
}

t.test('the time that Azure wants is kept, and what has its name already keeps it', async (t) => {
  const throttled = named('Error', 'the vault throttles', { statusCode: 429, retryAfter: 3 });
  t.equal(kmsError(throttled, { name: 'key k' }).retryAfter, 3);
  const own = new KeysteadError('kms-timeout', 'no token');
  t.equal(kmsError(own, { name: 'key k' }), own);
  t.equal(storeError(undefined, { name: 'container c' }).reason, 'unexpected');
});
