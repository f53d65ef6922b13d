import t from 'tap';
import { KeysteadError } from '../../../src/core/errors.ts';
import { failureTrailers, StatusError } from '../../../src/server/grpc/status.ts';

t.test('a message is percent-encoded where it is not printable ASCII', async (t) => {
  const trailers = failureTrailers(new KeysteadError('bad-id', '100 % of "é"\n\ud800'));
  t.equal(trailers['grpc-message'], '100 %25 of "%C3%A9"%0A%EF%BF%BD');
});

t.test('a message is cut to what fits a header', async (t) => {
  t.equal(failureTrailers(new KeysteadError('bad-id', 'x'.repeat(5000)))['grpc-message']?.length, 1024);
});

t.test('an error may stand under another status, its reason and cause untouched', async (t) => {
  const cause = new Error('below');
  const error = StatusError.as(13, new KeysteadError('sealed', 'the service is sealed', { cause }));
  t.match(error, { grpcStatus: 13, reason: 'sealed', message: 'the service is sealed', cause });
  t.equal(failureTrailers(error)['grpc-status'], '13');
  const same = new KeysteadError('unexpected', 'x');
  t.equal(StatusError.as(13, same), same);
});

t.test('when to come again is told as pushback, under another status too', async (t) => {
  const error = new KeysteadError('rate-limit', 'slow down', { retryAfter: 2.5 });
  t.equal(failureTrailers(error)['grpc-retry-pushback-ms'], '2500');
  t.equal(failureTrailers(StatusError.as(13, error))['grpc-retry-pushback-ms'], '2500');
  t.notOk('grpc-retry-pushback-ms' in failureTrailers(new KeysteadError('policy', 'no')));
});

t.test('the details are google.rpc.Status with an ErrorInfo', async (t) => {
  const bin = failureTrailers(new KeysteadError('policy', 'no'))['grpc-status-details-bin'] ?? '';
  t.notMatch(bin, /=/, 'without padding');
  const info = `0a06706f6c6963791208${Buffer.from('keystead').toString('hex')}`;
  const type = Buffer.from('type.googleapis.com/google.rpc.ErrorInfo').toString('hex');
  t.equal(Buffer.from(bin, 'base64').toString('hex'), `0807 12026e6f 1a3e 0a28${type} 1212${info}`.replaceAll(' ', ''));
});
