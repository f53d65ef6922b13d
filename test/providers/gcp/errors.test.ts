import t from 'tap';
import { KeysteadError, type Reason } from '../../../src/core/errors.ts';
import { KMS_ROWS, kmsError, type Row, STORE_ROWS, storeError } from '../../../src/providers/gcp/errors.ts';
import { failureOf } from '../../../src/providers/gcp/failure.ts';

type Example = readonly [what: string, error: object, reason: Reason, text?: RegExp];

const grpc = (code: number, details: string, more: object = {}) =>
  Object.assign(new Error(`${code} X: ${details}`), { code, details, ...more });
const http = (status: number, reason: string, message: string, headers: Record<string, string> = {}) =>
  Object.assign(new Error(message), {
    config: { headers: { authorization: 'Bearer SECRET' } },
    status,
    response: {
      status,
      headers: new Headers(headers),
      data: { error: { code: status, message, errors: [{ reason, message }] } },
    },
  });
/** The same where an object's bytes were asked for: nothing of it is parsed. */
const media = (status: number, reason: string, message: string) => {
  const { data, ...response } = http(status, reason, message).response;
  return Object.assign(new Error(JSON.stringify(data)), { config: {}, status, response });
};
const node = (code: string, message = `connect ${code} 127.0.0.1:1`) =>
  Object.assign(new Error(message), { code, config: {} });
const token = (error: string, description: string) =>
  Object.assign(new Error(`${error}: ${description}`), {
    config: { data: 'assertion=SECRET' },
    status: 400,
    response: { status: 400, data: { error, error_description: description } },
  });
const plugin = (text: string) => grpc(2, `Getting metadata from plugin failed with error: ${text}`);

const SKEWED =
  'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.';

const CREDENTIALS: readonly Example[] = [
  ['a clock that is off', token('invalid_grant', SKEWED), 'clock-skew', /set the clock/],
  [
    'a grant that has expired',
    token('invalid_grant', 'Token has been expired or revoked.'),
    'credentials-expired',
    /renew/,
  ],
  [
    'a session that must be renewed',
    token('invalid_grant', 'reauth related error (invalid_rapt)'),
    'credentials-expired',
  ],
  [
    'no credentials',
    new Error('Could not load the default credentials. Browse to https://cloud.google.com'),
    'provider-credentials',
    /credentialsPath/,
  ],
  [
    'a service account that is gone',
    token('invalid_grant', 'Invalid grant: account not found'),
    'provider-credentials',
  ],
  ['a key of another account', token('invalid_grant', 'Invalid JWT Signature.'), 'provider-credentials'],
  [
    'a variable that names no file',
    new Error('The file at /x does not exist, or it is not a file. ENOENT'),
    'provider-credentials',
  ],
  [
    'a private key that is none',
    node('ERR_OSSL_UNSUPPORTED', 'error:1E08010C:DECODER routines::unsupported'),
    'provider-credentials',
  ],
];

const NETWORK = (side: 'kms' | 'store'): readonly Example[] => {
  const away = `${side}-unreachable` as const;
  return [
    [
      'a certificate of an unknown authority',
      node('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'),
      away,
      /TLS/,
    ],
    ['a certificate that has expired', node('CERT_HAS_EXPIRED', 'certificate has expired'), away, /TLS/],
    ['a certificate of another name', node('ERR_TLS_CERT_ALTNAME_INVALID', 'Hostname/IP does not match'), away, /TLS/],
    ['a server without TLS', node('EPROTO', 'wrong version number'), away, /TLS/],
    ['a name that does not exist', node('ENOTFOUND', 'getaddrinfo ENOTFOUND x.invalid'), away, /resolved/],
    ['a name server that is away', node('EAI_AGAIN', 'getaddrinfo EAI_AGAIN x'), away, /resolved/],
    ['a port that nobody listens on', node('ECONNREFUSED'), away, /refused/],
    ['no route', node('EHOSTUNREACH'), away, /route/],
    ['a connection that was reset', node('ECONNRESET', 'read ECONNRESET'), away, /cut/],
    ['a connection that ended early', node('ERR_STREAM_PREMATURE_CLOSE', 'Premature close'), away, /cut/],
    ['a connection that timed out', node('ETIMEDOUT'), `${side}-timeout`],
    [
      'a request for a token that timed out',
      node('TimeoutError', 'The operation was aborted due to timeout'),
      `${side}-timeout`,
    ],
  ];
};

const KMS: readonly Example[] = [
  ['a proxy that refuses', grpc(7, 'Received HTTP status code 403'), 'kms-unreachable', /not Cloud KMS/],
  ...CREDENTIALS,
  [
    'a token that has expired',
    grpc(16, 'Request had invalid authentication credentials.', { reason: 'ACCESS_TOKEN_EXPIRED' }),
    'credentials-expired',
  ],
  [
    'a token that is refused',
    grpc(16, 'Request had invalid authentication credentials. Expected OAuth 2 access token'),
    'credentials-expired',
  ],
  ['no token', grpc(16, 'Request is missing required authentication credential.'), 'provider-credentials'],
  ['no credentials, found late', plugin('Could not load the default credentials.'), 'provider-credentials'],
  [
    'a token that cannot be fetched',
    plugin('getaddrinfo ENOTFOUND oauth2.googleapis.com'),
    'kms-unreachable',
    /resolved/,
  ],
  ['a quota', grpc(8, 'Quota exceeded for quota metric'), 'provider-throttled', /slow down/],
  [
    'a permission',
    grpc(
      7,
      "Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource 'projects/p' (or it may not exist).",
    ),
    'provider-denied',
    /cloudkms\.cryptoKeyVersions\.useToEncrypt is missing/,
  ],
  [
    'an API that is off',
    grpc(7, 'Cloud Key Management Service (KMS) API has not been used', { reason: 'SERVICE_DISABLED' }),
    'provider-denied',
    /API and billing/,
  ],
  [
    'another location than the endpoint',
    grpc(
      3,
      "The request concerns location 'global' but was sent to location 'us-central1'. Either Cloud KMS is not available in 'global' or the request was misrouted.",
    ),
    'wrong-region',
  ],
  ['a key that is not there', grpc(5, 'CryptoKey projects/p/k not found.'), 'no-kek', /keyRing and keyName/],
  [
    'a key for signing',
    grpc(9, 'Operation requested for Key k/cryptoKeyVersions/1 has incorrect key purpose: ASYMMETRIC_SIGN'),
    'wrong-key-type',
  ],
  [
    'a version to be destroyed',
    grpc(9, 'k/1 is not enabled, current state is: DESTROY_SCHEDULED.'),
    'key-pending-deletion',
    /restore/,
  ],
  ['a version that is destroyed', grpc(9, 'k/1 is not enabled, current state is: DESTROYED.'), 'key-pending-deletion'],
  ['a disabled version', grpc(9, 'k/1 is not enabled, current state is: DISABLED.'), 'key-stopped', /enable/],
  ['a version that is being made', grpc(9, 'k/1 is not enabled, current state is: PENDING_GENERATION.'), 'key-stopped'],
  [
    'another context or key',
    grpc(3, "Decryption failed: verify that 'name' refers to the correct CryptoKey."),
    'context-mismatch',
  ],
  ['a damaged ciphertext', grpc(3, 'Decryption failed: the ciphertext is invalid.'), 'context-mismatch'],
  [
    'a request that was damaged',
    grpc(3, 'The checksum in field plaintext_crc32c did not match the data in field plaintext.'),
    'kms-bad-answer',
  ],
  [
    'too much for an HSM',
    grpc(3, 'The combined length of the fields must be no larger than 8KiB.'),
    'not-supported',
    /8 KiB/,
  ],
  ['no answer in time', grpc(4, 'Deadline exceeded after 5.0s'), 'kms-timeout'],
  [
    'a server that refuses',
    grpc(14, 'No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1'),
    'kms-unreachable',
    /refused/,
  ],
  [
    'a name that is not there',
    grpc(14, 'Name resolution failed for target dns:x.invalid:443'),
    'kms-unreachable',
    /resolved/,
  ],
  [
    'a CA that is not known',
    grpc(14, 'No connection established. Last error: unable to verify the first certificate'),
    'kms-unreachable',
    /TLS/,
  ],
  ['a stream that was reset', grpc(13, 'Received RST_STREAM with code 2'), 'kms-unreachable', /cut/],
  ['a service that is down', grpc(14, 'The service is currently unavailable.'), 'kms-unreachable', /not available/],
  ...NETWORK('kms'),
];

const STORE: readonly Example[] = [
  ...CREDENTIALS,
  ['a token that has expired', http(401, 'authError', 'Invalid Credentials'), 'credentials-expired'],
  ['the same for a record', media(401, 'authError', 'Invalid Credentials'), 'credentials-expired'],
  ['a record in no bucket', media(404, 'notFound', 'The specified bucket does not exist.'), 'no-bucket', /create=true/],
  [
    'no token',
    http(401, 'required', 'Anonymous caller does not have storage.objects.get access'),
    'provider-credentials',
  ],
  [
    'too many requests',
    http(429, 'rateLimitExceeded', 'The object exceeded the rate limit', { 'retry-after': '7' }),
    'provider-throttled',
  ],
  [
    'too many requests, the old way',
    http(403, 'userRateLimitExceeded', 'User Rate Limit Exceeded'),
    'provider-throttled',
  ],
  [
    'a permission',
    http(
      403,
      'forbidden',
      "x@p.iam.gserviceaccount.com does not have storage.objects.create access to the bucket. Permission 'storage.objects.create' denied.",
    ),
    'provider-denied',
    /storage\.objects\.create is missing/,
  ],
  ['billing that is off', http(403, 'accountDisabled', 'The project has no billing'), 'provider-denied', /billing/],
  [
    'a bucket that is not there',
    http(404, 'notFound', 'The specified bucket does not exist.'),
    'no-bucket',
    /create=true/,
  ],
  [
    'a 404 of somebody else',
    Object.assign(new Error('<html>404 Not Found</html>'), { config: {}, status: 404 }),
    'store-unreachable',
    /not Cloud Storage/,
  ],
  [
    'a condition',
    http(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.'),
    'stale-etag',
  ],
  ['a gateway that waited too long', http(504, 'backendError', 'Gateway Timeout'), 'store-timeout'],
  ['a request that came too slowly', http(408, 'timeout', 'Request Timeout'), 'store-timeout'],
  ['an error inside', http(500, 'backendError', 'Backend Error'), 'store-unreachable', /not available/],
  ['a service that is down', http(503, 'backendError', 'Service Unavailable'), 'store-unreachable'],
  ...NETWORK('store'),
];

const sides = [
  ['Cloud KMS', KMS_ROWS, KMS, kmsError],
  ['Cloud Storage', STORE_ROWS, STORE, storeError],
] as const satisfies readonly (readonly [string, readonly Row[], readonly Example[], typeof kmsError])[];

for (const [service, rows, examples, toError] of sides) {
  t.test(`${service}: every failure has one name, and says what to do`, async (t) => {
    for (const [what, error, reason, text = /; |try again|in time|or is gone|does not open/] of examples) {
      const found = toError(error, 'the thing');
      t.equal(found.reason, reason, what);
      t.match(found.message, text, what);
      t.match(found.message, /^the thing: /, what);
    }
  });

  t.test(`${service}: every row of the table is shown by an example`, async (t) => {
    const hit = new Set(examples.map(([, error]) => rows.findIndex((row) => row.when(failureOf(error)))));
    t.same(
      rows.map((_, index) => index).filter((index) => !hit.has(index)),
      [],
    );
  });

  t.test(`${service}: what no row knows is unexpected, its text kept for the log`, async (t) => {
    for (const error of [
      grpc(13, 'Internal error'),
      http(400, 'invalid', 'Invalid argument'),
      new Error('what'),
      'text',
      undefined,
    ]) {
      const found = toError(error, 'the thing');
      t.equal(found.reason, 'unexpected');
      t.notMatch(found.message, /Internal error|Invalid argument|what$/);
    }
    t.match(toError(new Error('what'), 'the thing').cause, { message: 'what' });
  });

  t.test(`${service}: neither the text nor the cause holds credentials of the request`, async (t) => {
    for (const [what, error] of examples) {
      const found = toError(error, 'the thing');
      t.notMatch(JSON.stringify([found.message, found.cause]), /SECRET/, what);
    }
  });

  t.test(`${service}: an error of ours stays as it is`, async (t) => {
    const error = new KeysteadError('client-gone', 'the caller went away');
    t.equal(toError(error, 'the thing'), error);
  });
}

t.test('when to try again is passed on', async (t) => {
  const busy = http(429, 'rateLimitExceeded', 'slow down', { 'retry-after': '7' });
  t.equal(storeError(busy, 'the thing').retryAfter, 7);
  t.equal(
    storeError(http(429, 'rateLimitExceeded', 'slow down', { 'retry-after': 'soon' }), 'the thing').retryAfter,
    undefined,
  );
});
