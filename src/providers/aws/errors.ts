import { isAwsRegion } from '../../core/aws-region.ts';
import { KeysteadError, type Reason } from '../../core/errors.ts';

/** What a call was about: `key alias/a in eu-west-1`, `bucket b`. */
export interface Target {
  readonly side: 'kms' | 'store' | 'sts';
  readonly name: string;
}

type Row = readonly [Reason | Readonly<Record<Target['side'], Reason>>, says: string];

const UNREACHABLE = { kms: 'kms-unreachable', store: 'store-unreachable', sts: 'sts-unreachable' } as const;
const TIMEOUT = { kms: 'kms-timeout', store: 'store-timeout', sts: 'sts-timeout' } as const;

const throttled: Row = ['provider-throttled', 'AWS asks to slow down; try again later or ask for a higher quota'];
const denied: Row = [
  'provider-denied',
  'AWS does not permit it; see the least privilege in docs/reference/providers/aws.md',
];
const unknown: Row = [
  'provider-credentials',
  'AWS does not know these credentials; check the access key and its secret',
];
const none: Row = [
  'provider-credentials',
  'no AWS credentials were found; give accessKeyID and accessKey in the URI, or set up the default credential chain',
];
const expired: Row = ['credentials-expired', 'the AWS credentials have expired; get fresh ones'];
const skew: Row = ['clock-skew', 'AWS refuses the time of the request; set the clock of this machine'];
const failing: Row = [UNREACHABLE, 'AWS failed to answer; try again'];
const slow: Row = [TIMEOUT, 'there was no answer in time; try again'];
const region: Row = ['wrong-region', 'it is not in this region; give the right region= in the URI'];
const noRegion: Row = ['wrong-region', 'no region is known; give region= in the URI or set AWS_REGION'];
const keyType: Row = [
  'wrong-key-type',
  'the key is not of the right type; give a symmetric key for encrypt and decrypt',
];
const full: Row = ['store-full', 'the store is full, and nothing was written; make room, or raise its quota'];

const away: Row = ['key-store-away', 'its key store is not connected; connect it, and see its state in AWS KMS'];
const refused: Row = [
  'not-supported',
  'the parameter store does not take it as it is; check its name, type, tier and policies',
];

/** Error names of AWS and its SDK. */
export const AWS_ERRORS: Readonly<Record<string, Row>> = {
  Throttling: throttled,
  ThrottlingException: throttled,
  ThrottledException: throttled,
  TooManyRequestsException: throttled,
  RequestLimitExceeded: throttled,
  RequestThrottled: throttled,
  SlowDown: throttled,

  AccessDenied: denied,
  AccessDeniedException: denied,
  UnauthorizedAccess: denied,
  AllAccessDisabled: denied,
  AccountProblem: denied,
  OptInRequired: denied,
  Forbidden: denied,
  BucketAlreadyExists: ['provider-denied', 'the bucket belongs to another account; give another name'],

  UnrecognizedClientException: unknown,
  InvalidClientTokenId: unknown,
  InvalidAccessKeyId: unknown,
  InvalidSignatureException: unknown,
  SignatureDoesNotMatch: unknown,
  IncompleteSignature: unknown,
  MissingAuthenticationToken: unknown,
  MissingAuthenticationTokenException: unknown,
  InvalidToken: unknown,
  CredentialsProviderError: none,
  TokenProviderError: none,
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  RequestTimeTooSkewed: skew,
  RequestExpired: skew,
  RequestInTheFuture: skew,

  NotFoundException: ['no-kek', 'there is no such key in this account and region; check keyName and region'],
  InvalidArnException: ['no-kek', 'the ARN is not one of a key or an alias; check keyName'],
  NoSuchBucket: ['no-bucket', 'there is no such bucket; create it, or give create=true in the URI'],
  DisabledException: ['key-stopped', 'the key is disabled; enable it'],
  KMSInvalidStateException: ['key-stopped', 'the state of the key does not allow it; see its state in AWS KMS'],
  InvalidKeyUsageException: keyType,
  UnsupportedOperationException: keyType,
  InvalidCiphertextException: [
    'context-mismatch',
    'the wrapped key does not open: it was changed, or wrapped for another name or length',
  ],
  IncorrectKeyException: ['context-mismatch', 'the wrapped key was wrapped by another key'],

  AlreadyExistsException: ['name-taken', 'the alias belongs to another key; give another name'],
  LimitExceededException: [
    'provider-quota',
    'a quota of AWS KMS is used up; have it raised, or delete what nobody uses',
  ],
  MalformedPolicyDocumentException: [
    'provider-refused',
    'AWS does not take the key policy: it is malformed, names a principal that is not there, or would lock you out',
  ],
  InvalidAliasNameException: ['provider-refused', 'AWS does not take the alias; give another name'],
  TagException: ['provider-refused', 'AWS does not take the tags; check their names, values and number'],
  ValidationException: [
    'provider-refused',
    'AWS does not take a value of the request; check spec, usage and days of a key, and description, tags, tier and policies of a parameter',
  ],
  CustomKeyStoreNotFoundException: ['provider-refused', 'there is no such key store; check customKeyStoreId'],
  XksKeyNotFoundException: ['provider-refused', 'the external key store has no such key; check xksKeyId'],
  XksKeyAlreadyInUseException: ['provider-refused', 'the external key belongs to another KMS key already'],
  XksKeyInvalidConfigurationException: ['provider-refused', 'the external key is not fit for a KMS key'],
  CloudHsmClusterInvalidConfigurationException: away,
  CustomKeyStoreInvalidStateException: away,
  // What has tags is gone.
  InvalidResourceId: ['concurrent-write', 'somebody else has deleted it meanwhile; run the command again'],
  ParameterNotFound: ['no-parameter', 'there is no such parameter'],
  InvalidKeyId: ['no-kek', 'the KMS key (kmskey) is not there, or the parameter store may not use it'],
  TooManyUpdates: throttled,
  ParameterLimitExceeded: ['store-full', 'the parameter store is full; delete parameters, or use the advanced tier'],
  ParameterMaxVersionLimitExceeded: ['store-full', 'its oldest version has a label, so no new one can be made'],
  ParameterVersionLabelLimitExceeded: ['store-full', 'a version has ten labels at most'],
  TooManyTagsError: ['store-full', 'a parameter has 50 tags at most'],
  PoliciesLimitExceededException: ['store-full', 'a parameter has ten policies at most'],
  HierarchyLevelLimitExceededException: refused,
  HierarchyTypeMismatchException: refused,
  ParameterPatternMismatchException: refused,
  UnsupportedParameterType: refused,
  InvalidPolicyTypeException: refused,
  InvalidPolicyAttributeException: refused,
  IncompatiblePolicyException: refused,

  PermanentRedirect: region,
  TemporaryRedirect: region,
  AuthorizationHeaderMalformed: region,
  IllegalLocationConstraintException: region,
  InvalidLocationConstraint: region,

  OperationAborted: ['concurrent-write', 'AWS is busy with another change of it; try again'],

  QuotaExceeded: full,
  InsufficientStorage: full,
  XMinioStorageFull: full,

  KeyUnavailableException: failing,
  KMSInternalException: failing,
  InternalError: failing,
  InternalFailure: failing,
  InternalServerError: failing,
  InternalServiceErrorException: failing,
  ServiceUnavailable: failing,
  ServiceUnavailableException: failing,
  // A 404 without a text of AWS: the SDK makes up this name.
  NotFound: [UNREACHABLE, 'the answer is not one of AWS; check endpoint'],
  DependencyTimeoutException: slow,
  RequestTimeout: slow,
  RequestTimeoutException: slow,
  TimeoutError: slow,
};

const tls: Row = [
  UNREACHABLE,
  'the TLS certificate of the server is not trusted; for a private endpoint give its CA in NODE_EXTRA_CA_CERTS',
];
const noName: Row = [UNREACHABLE, 'the name of the server could not be resolved; check region, endpoint and DNS'];
const broken: Row = [UNREACHABLE, 'the connection broke; try again'];
const noRoute: Row = [UNREACHABLE, 'there is no route to the server; check the network'];

const protocol: Row = [
  UNREACHABLE,
  'the server does not speak as expected; check whether endpoint is http:// or https://',
];

/** Codes of Node's network errors. */
export const NETWORK_ERRORS: Readonly<Record<string, Row>> = {
  ENOTFOUND: noName,
  EAI_AGAIN: noName,
  ECONNREFUSED: [UNREACHABLE, 'the server refused the connection; check endpoint'],
  ECONNRESET: broken,
  EPIPE: broken,
  ECONNABORTED: broken,
  ENETUNREACH: noRoute,
  EHOSTUNREACH: noRoute,
  ETIMEDOUT: slow,
  EPROTO: protocol,
  ERR_SSL_WRONG_VERSION_NUMBER: protocol,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: protocol,
  HPE_INVALID_CONSTANT: protocol,
  CERT_HAS_EXPIRED: [UNREACHABLE, 'the TLS certificate of the server has expired'],
  CERT_NOT_YET_VALID: [
    UNREACHABLE,
    'the TLS certificate of the server is not valid yet; check the clock of this machine',
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: [UNREACHABLE, 'the TLS certificate of the server is for another name; check endpoint'],
  DEPTH_ZERO_SELF_SIGNED_CERT: tls,
  SELF_SIGNED_CERT_IN_CHAIN: tls,
  UNABLE_TO_GET_ISSUER_CERT: tls,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: tls,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: tls,
};

/** Where one name means two things, its text decides. First match wins. */
export const SHARPER: readonly (readonly [name: string, text: RegExp, row: Row])[] = [
  [
    'KMSInvalidStateException',
    /pending (replica )?deletion/i,
    ['key-pending-deletion', 'the key is pending deletion; cancel that or give another key'],
  ],
  ['NotFoundException', /^invalid arn/i, region],
  [
    'ValidationException',
    /can't downgrade|cannot downgrade/i,
    ['provider-refused', 'an advanced parameter becomes no standard one; delete it first, or leave it advanced'],
  ],
  ['InvalidSignatureException', /signature (expired|not yet current)/i, skew],
  ['Error', /^region is missing/i, noRegion],
];

const BY_STATUS: Readonly<Record<number, Row>> = { 301: region, 403: denied, 429: throttled, 507: full };

/** The one name of a failed call. What no row knows is `unexpected`, its text kept in `cause`. */
export function awsError(error: unknown, target: Target): KeysteadError {
  if (!(error instanceof Error)) return KeysteadError.from(error);
  const row = rowOf(error);
  if (row === undefined) return KeysteadError.from(error);
  const [reason, says] = row;
  const word = typeof reason === 'string' ? reason : reason[target.side];
  return new KeysteadError(word, `${target.name}: ${says}${details(error)}`, { cause: error });
}

function rowOf(error: Error): Row | undefined {
  const sharper = SHARPER.find(([name, text]) => name === error.name && text.test(error.message));
  if (sharper !== undefined) return sharper[2];
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const named = own(AWS_ERRORS, error.name) ?? own(NETWORK_ERRORS, code);
  if (named !== undefined) return named;
  const status = statusOf(error);
  // HEAD answers and proxies give a status and no name.
  return BY_STATUS[status] ?? (status >= 500 && status < 600 && status !== 501 ? failing : undefined);
}

/** The action that was missing, or the region that the bucket is in: AWS says so. */
function details(error: Error): string {
  const action = /not authorized to perform: ([a-z0-9-]{1,32}:[A-Za-z]{1,64})/.exec(error.message)?.[1];
  if (action !== undefined) return ` (${action})`;
  const place = 'Region' in error ? String(error.Region) : '';
  return isAwsRegion(place) ? ` (${place})` : '';
}

/** The HTTP status of an SDK error; 0 where there was no answer. */
function statusOf(error: Error): number {
  const seen = error as { $metadata?: { httpStatusCode?: number }; $response?: { statusCode?: number } };
  return seen.$metadata?.httpStatusCode ?? seen.$response?.statusCode ?? 0;
}

function own(table: Readonly<Record<string, Row>>, name: string): Row | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
