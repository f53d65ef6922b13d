import fc from 'fast-check';
import t from 'tap';
import { answerFailure } from '../../src/client/failure.ts';
import { retryAfterSeconds, retryDelay } from '../../src/client/retry.ts';
import { KeysteadError } from '../../src/core/errors.ts';

const failure = (retryAfter?: number) =>
  answerFailure(new KeysteadError('closing', 'x', retryAfter === undefined ? {} : { retryAfter }));

t.test('delays are spread over a window that doubles up to 5 seconds', async (t) => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 60].map((attempt) => retryDelay(attempt, failure(), () => 1));
  t.same(longest, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  t.equal(
    retryDelay(3, failure(), () => 0),
    0,
  );
});

t.test('no delay is shorter than the service asked for, nor much longer', async (t) => {
  fc.assert(
    fc.property(fc.nat(100), fc.nat(3600), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, after, chance) => {
      const delay = retryDelay(attempt, failure(after), () => chance);
      return delay >= after * 1000 && delay <= after * 1000 + 5000;
    }),
  );
  t.pass('held');
});

t.test('Retry-After is a number of seconds or a date', async (t) => {
  const now = Date.UTC(2030, 0, 1);
  t.equal(retryAfterSeconds('120', now), 120);
  t.equal(retryAfterSeconds('Tue, 01 Jan 2030 00:01:00 GMT', now), 60);
  t.equal(retryAfterSeconds('Tue, 01 Jan 2019 00:01:00 GMT', now), 0);
  for (const header of [null, '', '-1', '1.5', 'soon', '9'.repeat(20)])
    t.equal(retryAfterSeconds(header, now), undefined);
});
