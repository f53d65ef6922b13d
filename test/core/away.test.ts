import t from 'tap';
import { asUnavailable, isAway } from '../../src/core/away.ts';
import { KeysteadError, type Reason } from '../../src/core/errors.ts';

t.test('an upstream that is away is unavailable, with a time to come back', async (t) => {
  const rows: readonly [Reason, Reason, string][] = [
    ['kms-unreachable', 'kms-unreachable', 'unavailable'],
    ['kms-timeout', 'kms-unreachable', 'unavailable'],
    ['store-unreachable', 'store-unreachable', 'unavailable'],
    ['store-timeout', 'store-unreachable', 'unavailable'],
    ['provider-throttled', 'provider-throttled', 'resource_exhausted'],
    ['upstream-busy', 'upstream-busy', 'resource_exhausted'],
  ];
  for (const [from, reason, code] of rows) {
    const error = new KeysteadError(from, 'key a: no answer in 5000 ms');
    t.ok(isAway(error), from);
    t.match(asUnavailable(error), { reason, code, message: error.message, retryAfter: 5, cause: error });
  }
});

t.test('a time to come back that was given is kept', async (t) => {
  const told = new KeysteadError('provider-throttled', 'slow down', { retryAfter: 30 });
  t.equal(asUnavailable(told), told);
  t.match(asUnavailable(new KeysteadError('kms-timeout', 'no', { retryAfter: 7 })), { retryAfter: 7 });
});

t.test('any other failure stays as it is', async (t) => {
  for (const error of [new KeysteadError('key-stopped', 'no'), new KeysteadError('timeout', 'no'), new Error('odd')]) {
    t.notOk(isAway(error));
    t.equal(asUnavailable(error), error);
  }
});
