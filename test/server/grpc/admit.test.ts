import t from 'tap';
import { KeysteadError } from '../../../src/core/errors.ts';
import { RateLimits } from '../../../src/core/rate-limits.ts';
import { admission } from '../../../src/server/grpc/admit.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const CI = { kind: 'token', name: 'ci', groups: [] } as const;
const CALL = { listener: 'grpc', source: '10.0.0.1' } as const;
const room = () => {};

t.test('a source is counted before its credentials are looked at', async (t) => {
  let asked = 0;
  const authenticate = async () => {
    asked++;
    throw new KeysteadError('bad-credentials', 'no');
  };
  const rateLimits = new RateLimits({ principal: 0, source: 1 }, new FakeClock());
  const admit = admission({ authenticate, rateLimits }, room);
  await t.rejects(admit(CALL), { reason: 'bad-credentials', code: 'unauthenticated' });
  await t.rejects(admit(CALL), { reason: 'rate-limit', code: 'resource_exhausted', grpcStatus: 8, retryAfter: 60 });
  t.equal(asked, 1);
});

t.test('a caller counts on whichever transport it comes', async (t) => {
  const rateLimits = new RateLimits({ principal: 2, source: 0 }, new FakeClock());
  const admit = admission({ authenticate: async () => CI, rateLimits }, room);
  t.equal(rateLimits.principal(CI, '10.0.0.2')?.exceeded, false, 'as HTTP counts it');
  t.same(await admit(CALL), CI);
  await t.rejects(admit(CALL), { reason: 'rate-limit', code: 'resource_exhausted' });
});

t.test('nobody is asked where there is no room', async (t) => {
  const full = () => {
    throw new KeysteadError('overloaded', 'no memory', { retryAfter: 2 });
  };
  const authenticate = async () => t.fail('asked') as never;
  await t.rejects(admission({ authenticate, rateLimits: undefined }, full)(CALL), {
    reason: 'overloaded',
    code: 'unavailable',
    grpcStatus: 14,
  });
});
