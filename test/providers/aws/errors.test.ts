import t from 'tap';
import { REASONS, type Reason } from '../../../src/core/errors.ts';
import { AWS_ERRORS, awsError, NETWORK_ERRORS, SHARPER } from '../../../src/providers/aws/errors.ts';
import { failure } from '../../support/failure.ts';
import { testCall } from '../../support/services.ts';
import { openTestKek, openTestStore, stubServer } from './aws.ts';

const kms = { side: 'kms', name: 'key alias/a' } as const;
const store = { side: 'store', name: 'bucket b' } as const;
const sts = { side: 'sts', name: 'role r' } as const;

function named(name: string, message = 'what AWS said', more: object = {}): Error {
  return Object.assign(new Error(message), { name, ...more });
}

/** Row by row, written again: name of the error, the reason at KMS, the reason at S3 where it is another. */
const EXPECTED: Readonly<Record<string, readonly [Reason, Reason?]>> = {
  Throttling: ['provider-throttled'],
  ThrottlingException: ['provider-throttled'],
  ThrottledException: ['provider-throttled'],
  TooManyRequestsException: ['provider-throttled'],
  RequestLimitExceeded: ['provider-throttled'],
  RequestThrottled: ['provider-throttled'],
  SlowDown: ['provider-throttled'],
  AccessDenied: ['provider-denied'],
  AccessDeniedException: ['provider-denied'],
  UnauthorizedAccess: ['provider-denied'],
  AllAccessDisabled: ['provider-denied'],
  AccountProblem: ['provider-denied'],
  OptInRequired: ['provider-denied'],
  Forbidden: ['provider-denied'],
  BucketAlreadyExists: ['provider-denied'],
  UnrecognizedClientException: ['provider-credentials'],
  InvalidClientTokenId: ['provider-credentials'],
  InvalidAccessKeyId: ['provider-credentials'],
  InvalidSignatureException: ['provider-credentials'],
  SignatureDoesNotMatch: ['provider-credentials'],
  IncompleteSignature: ['provider-credentials'],
  MissingAuthenticationToken: ['provider-credentials'],
  MissingAuthenticationTokenException: ['provider-credentials'],
  InvalidToken: ['provider-credentials'],
  CredentialsProviderError: ['provider-credentials'],
  TokenProviderError: ['provider-credentials'],
  ExpiredToken: ['credentials-expired'],
  ExpiredTokenException: ['credentials-expired'],
  TokenRefreshRequired: ['credentials-expired'],
  RequestTimeTooSkewed: ['clock-skew'],
  RequestExpired: ['clock-skew'],
  RequestInTheFuture: ['clock-skew'],
  NotFoundException: ['no-kek'],
  InvalidArnException: ['no-kek'],
  NoSuchBucket: ['no-bucket'],
  DisabledException: ['key-stopped'],
  KMSInvalidStateException: ['key-stopped'],
  InvalidKeyUsageException: ['wrong-key-type'],
  UnsupportedOperationException: ['wrong-key-type'],
  InvalidCiphertextException: ['context-mismatch'],
  IncorrectKeyException: ['context-mismatch'],
  AlreadyExistsException: ['name-taken'],
  LimitExceededException: ['provider-quota'],
  MalformedPolicyDocumentException: ['provider-refused'],
  InvalidAliasNameException: ['provider-refused'],
  TagException: ['provider-refused'],
  ValidationException: ['provider-refused'],
  CustomKeyStoreNotFoundException: ['provider-refused'],
  XksKeyNotFoundException: ['provider-refused'],
  XksKeyAlreadyInUseException: ['provider-refused'],
  XksKeyInvalidConfigurationException: ['provider-refused'],
  CloudHsmClusterInvalidConfigurationException: ['key-store-away'],
  CustomKeyStoreInvalidStateException: ['key-store-away'],
  InvalidResourceId: ['concurrent-write'],
  ParameterNotFound: ['no-parameter'],
  InvalidKeyId: ['no-kek'],
  TooManyUpdates: ['provider-throttled'],
  ParameterLimitExceeded: ['store-full'],
  ParameterMaxVersionLimitExceeded: ['store-full'],
  ParameterVersionLabelLimitExceeded: ['store-full'],
  TooManyTagsError: ['store-full'],
  PoliciesLimitExceededException: ['store-full'],
  HierarchyLevelLimitExceededException: ['not-supported'],
  HierarchyTypeMismatchException: ['not-supported'],
  ParameterPatternMismatchException: ['not-supported'],
  UnsupportedParameterType: ['not-supported'],
  InvalidPolicyTypeException: ['not-supported'],
  InvalidPolicyAttributeException: ['not-supported'],
  IncompatiblePolicyException: ['not-supported'],
  PermanentRedirect: ['wrong-region'],
  TemporaryRedirect: ['wrong-region'],
  AuthorizationHeaderMalformed: ['wrong-region'],
  IllegalLocationConstraintException: ['wrong-region'],
  InvalidLocationConstraint: ['wrong-region'],
  OperationAborted: ['concurrent-write'],
  QuotaExceeded: ['store-full'],
  InsufficientStorage: ['store-full'],
  XMinioStorageFull: ['store-full'],
  KeyUnavailableException: ['kms-unreachable', 'store-unreachable'],
  KMSInternalException: ['kms-unreachable', 'store-unreachable'],
  InternalError: ['kms-unreachable', 'store-unreachable'],
  InternalFailure: ['kms-unreachable', 'store-unreachable'],
  InternalServerError: ['kms-unreachable', 'store-unreachable'],
  InternalServiceErrorException: ['kms-unreachable', 'store-unreachable'],
  ServiceUnavailable: ['kms-unreachable', 'store-unreachable'],
  ServiceUnavailableException: ['kms-unreachable', 'store-unreachable'],
  NotFound: ['kms-unreachable', 'store-unreachable'],
  DependencyTimeoutException: ['kms-timeout', 'store-timeout'],
  RequestTimeout: ['kms-timeout', 'store-timeout'],
  RequestTimeoutException: ['kms-timeout', 'store-timeout'],
  TimeoutError: ['kms-timeout', 'store-timeout'],
};

t.test('every row of AWS’s errors has its one reason', async (t) => {
  t.same(Object.keys(EXPECTED).sort(), Object.keys(AWS_ERRORS).sort());
  for (const [name, [atKms, atStore = atKms]] of Object.entries(EXPECTED)) {
    const error = named(name);
    t.match(awsError(error, kms), { ...failure(atKms, /^key alias\/a: /), cause: error }, name);
    t.match(awsError(error, store), failure(atStore, /^bucket b: /), name);
    const atSts = atKms.replace(/^kms-/, 'sts-') as Reason;
    t.match(awsError(error, sts), failure(atSts, /^role r: /), name);
  }
});
t.test('every row of the network’s errors says what to do, and is worth trying again', async (t) => {
  const slow = ['ETIMEDOUT'];
  for (const code of Object.keys(NETWORK_ERRORS)) {
    const error = named('Error', 'connect failed', { code });
    t.match(awsError(error, kms), failure(slow.includes(code) ? 'kms-timeout' : 'kms-unreachable'), code);
    t.match(awsError(error, store), failure(slow.includes(code) ? 'store-timeout' : 'store-unreachable'), code);
    t.ok(awsError(error, kms).retryable);
  }
  t.match(awsError(named('Error', '', { code: 'ENOTFOUND' }), kms).message, /DNS/);
  t.match(awsError(named('Error', '', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }), kms).message, /NODE_EXTRA_CA_CERTS/);
});
t.test('where one name means two things, AWS’s text decides', async (t) => {
  const texts = {
    KMSInvalidStateException: ['arn:aws:kms:eu-west-1:1:key/1 is pending deletion.', 'key-pending-deletion'],
    NotFoundException: ['Invalid arn eu-west-1', 'wrong-region'],
    InvalidSignatureException: [
      'Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z',
      'clock-skew',
    ],
    ValidationException: ["This parameter uses the advanced-parameter tier. You can't downgrade …", 'provider-refused'],
    Error: ['Region is missing', 'wrong-region'],
  } as const;
  t.same(Object.keys(texts).sort(), SHARPER.map(([name]) => name).sort());
  for (const [name, [text, reason]] of Object.entries(texts))
    t.match(awsError(named(name, text), kms), failure(reason));
  t.match(awsError(named('InvalidSignatureException', 'Signature not yet current: …'), kms), failure('clock-skew'));
  t.match(awsError(named('ValidationException', texts.ValidationException[0]), store).message, /delete it first/);
});
t.test('an answer without a name goes by its status', async (t) => {
  const of = (httpStatusCode: number) =>
    awsError(named('Unknown', '', { $metadata: { httpStatusCode } }), store).reason;
  t.same([301, 403, 429, 500, 502, 503, 504, 507].map(of), [
    'wrong-region',
    'provider-denied',
    'provider-throttled',
    'store-unreachable',
    'store-unreachable',
    'store-unreachable',
    'store-unreachable',
    'store-full',
  ]);
  t.same([200, 400, 404, 418, 501].map(of), Array(5).fill('unexpected'));
});
t.test('what no row knows is not guessed, and its text is not shown', async (t) => {
  for (const unknown of [named('SomethingNew', 'secret text'), named('constructor'), 'text', undefined, null, 7]) {
    const error = awsError(unknown, kms);
    t.match(error, { reason: 'unexpected', cause: unknown });
    t.notMatch(error.message, /secret text/);
  }
});
t.test('a message names the missing action or the right region, and nothing else of what AWS said', async (t) => {
  const text =
    'User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: kms:Decrypt on resource: x';
  const denied = awsError(named('AccessDeniedException', text), kms).message;
  t.match(denied, /\(kms:Decrypt\)$/);
  t.notMatch(denied, /111122223333/);
  t.match(
    awsError(named('AuthorizationHeaderMalformed', '', { Region: 'eu-west-1' }), store).message,
    /\(eu-west-1\)$/,
  );
  t.notMatch(awsError(named('AuthorizationHeaderMalformed', '', { Region: 'x y' }), store).message, /x y/);
});
t.test('an error that is ours already stays what it is', async (t) => {
  const ours = awsError(named('DisabledException'), kms);
  t.equal(awsError(ours, store), ours);
});
t.test('every reason used is known', async (t) => {
  for (const reasons of Object.values(EXPECTED)) for (const reason of reasons) if (reason) t.ok(reason in REASONS);
});

// The names above come from the documentation; these show that the SDK gives them to us as we read them.
const at = { region: 'eu-west-1', accessKeyID: 'AKIDEXAMPLE', accessKey: 'env://TEST_ACCESS_KEY' };
t.test('errors of KMS come through the SDK with their names', async (t) => {
  for (const name of [
    'AccessDeniedException',
    'ExpiredTokenException',
    'DisabledException',
    'UnrecognizedClientException',
  ]) {
    const endpoint = await stubServer(t, (_request, response) => {
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
      response.end(JSON.stringify({ __type: `com.amazonaws.kms#${name}`, message: 'no' }));
    });
    const kek = await openTestKek(t, { ...at, keyName: 'alias/a', endpoint });
    await t.rejects(kek.check(testCall()), failure(EXPECTED[name]?.[0] as Reason), name);
  }
});
t.test('errors of S3 come through the SDK with their names', async (t) => {
  for (const name of ['AccessDenied', 'ExpiredToken', 'InvalidAccessKeyId', 'NoSuchBucket', 'PermanentRedirect']) {
    const endpoint = await stubServer(t, (_request, response) => {
      response.writeHead(name === 'PermanentRedirect' ? 301 : 403).end(`<Error><Code>${name}</Code></Error>`);
    });
    const store = await openTestStore(t, { ...at, bucket: 'b12', endpoint });
    const reason = EXPECTED[name]?.[0] as Reason;
    await t.rejects(store.check(testCall()), failure(reason), name);
    await t.rejects(store.create('a', new Uint8Array(1), testCall()), failure(reason), name);
  }
});
t.test('a clock that is off is put right by the SDK itself', async (t) => {
  const hours: string[] = [];
  const ahead = new Date(Date.now() + 3_600_000);
  const endpoint = await stubServer(t, (request, response) => {
    hours.push(String(request.headers['x-amz-date']).slice(9, 11));
    response.setHeader('date', ahead.toUTCString());
    if (hours.length === 1) return response.writeHead(403).end('<Error><Code>RequestTimeTooSkewed</Code></Error>');
    return response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
  });
  const store = await openTestStore(t, { ...at, bucket: 'b12', endpoint });
  t.equal(await store.read('a', testCall()), undefined);
  t.equal(hours.at(-1), ahead.toISOString().slice(11, 13));
  t.not(hours[0], hours.at(-1));
});
