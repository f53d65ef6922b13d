import t from 'tap';
import type { Reason } from '../../../src/core/errors.ts';
import { STS_ERRORS, stsError } from '../../../src/providers/aws/sts-errors.ts';
import { failure } from '../../support/failure.ts';

function named(name: string, message = 'what AWS said', more: object = {}): Error {
  return Object.assign(new Error(message), { name, ...more });
}

/** Row by row, written again; the last ones are rows of all services. */
const EXPECTED: Readonly<Record<string, Reason>> = {
  AccessDenied: 'provider-denied',
  AccessDeniedException: 'provider-denied',
  MalformedPolicyDocument: 'bad-accessor',
  MalformedPolicyDocumentException: 'bad-accessor',
  PackedPolicyTooLarge: 'bad-accessor',
  PackedPolicyTooLargeException: 'bad-accessor',
  ValidationError: 'bad-accessor',
  InvalidParameterValue: 'bad-accessor',
  InvalidIdentityToken: 'provider-credentials',
  InvalidIdentityTokenException: 'provider-credentials',
  IDPRejectedClaim: 'provider-credentials',
  IDPRejectedClaimException: 'provider-credentials',
  IDPCommunicationError: 'sts-unreachable',
  IDPCommunicationErrorException: 'sts-unreachable',
  CredentialsProviderError: 'provider-credentials',
  RegionDisabledException: 'wrong-region',
};
const SHARED: Readonly<Record<string, Reason>> = {
  Throttling: 'provider-throttled',
  ExpiredTokenException: 'credentials-expired',
  InvalidClientTokenId: 'provider-credentials',
  InternalFailure: 'sts-unreachable',
  RequestTimeout: 'sts-timeout',
};

t.test('every row has its one reason, and says what AWS said', async (t) => {
  t.same(Object.keys(EXPECTED).sort(), Object.keys(STS_ERRORS).sort());
  for (const [name, reason] of Object.entries({ ...EXPECTED, ...SHARED })) {
    const error = named(name);
    t.match(stsError(error, 'role r'), { ...failure(reason, /^role r: /), cause: error }, name);
    t.match(stsError(error, 'role r').message, name);
  }
  t.match(stsError(named('AccessDenied'), 'r'), failure('provider-denied', /AWS: AccessDenied: what AWS said/));
});

t.test('AWS’s own words are shown where they cannot hold a secret', async (t) => {
  const token = 'IQoJb3JpZ2luX2VjEJ'.repeat(8);
  const text = `User: arn:aws:sts::111122223333:assumed-role/a/very/long/path/of/a/role/r/s is not authorized\n${token}`;
  const denied = stsError(named('AccessDenied', text), 'role r').message;
  t.match(
    denied,
    /AccessDenied: User: arn:aws:sts::111122223333:assumed-role\/a\/very\/long.*\/r\/s is not authorized/,
  );
  t.notMatch(denied, /\n|IQoJb/);
  t.match(stsError(named('SignatureDoesNotMatch', text), 'role r').message, /\(SignatureDoesNotMatch\)$/);
});

t.test('what no row knows is not guessed', async (t) => {
  const unknown = stsError(named('SomethingNew', 'hush', { $fault: 'client' }), 'role r');
  t.match(unknown, failure('unexpected', /^role r: AWS refuses it \(SomethingNew\)$/));
  t.match(stsError(named('TypeError', 'hush'), 'role r'), failure('unexpected', /^(?!.*hush)/));
  const ours = stsError(named('AccessDenied'), 'role r');
  t.equal(stsError(ours, 'another'), ours);
});

t.test('an error of the network is put into words', async (t) => {
  t.match(stsError(named('Error', '', { code: 'ENOTFOUND' }), 'r'), failure('sts-unreachable', /DNS$/));
});
