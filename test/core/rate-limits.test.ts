import fc from 'fast-check';
import t from 'tap';
import type { Principal } from '../../src/core/call.ts';
import { assertWithin, RateLimits } from '../../src/core/rate-limits.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { holds } from '../support/property.ts';

const A: Principal = { kind: 'token', name: 'a', groups: [] };
const ANYBODY: Principal = { kind: 'anonymous', name: 'anonymous', groups: [] };

t.test('a minute’s worth may come at once, then as much as the rate earns', async (t) => {
  const clock = new FakeClock();
  const limits = new RateLimits({ principal: 7, source: 0 }, clock);
  const left = Array.from({ length: 7 }, () => limits.principal(A, undefined)?.remaining);
  t.same(left, [6, 5, 4, 3, 2, 1, 0]);
  t.match(limits.principal(A, undefined), { exceeded: true, remaining: 0, limit: 7 });
  await clock.advance(8571);
  t.match(limits.principal(A, undefined), { exceeded: true });
  await clock.advance(1);
  t.match(limits.principal(A, undefined), { exceeded: false, remaining: 0 });
  t.match(limits.principal(A, undefined), { exceeded: true });
});

t.test('a refusal says when to come again, and costs nothing', async (t) => {
  const clock = new FakeClock();
  const limits = new RateLimits({ principal: 6, source: 0 }, clock);
  for (let n = 0; n < 6; n++) assertWithin(limits.principal(A, undefined), 'principal');
  for (let n = 0; n < 100; n++) {
    t.throws(() => assertWithin(limits.principal(A, undefined), 'principal'), {
      reason: 'rate-limit',
      code: 'resource_exhausted',
      retryAfter: 10,
    });
  }
  await clock.advance(10_000);
  t.doesNotThrow(() => assertWithin(limits.principal(A, undefined), 'principal'));
});

t.test('callers, and sources, count for themselves', async (t) => {
  const limits = new RateLimits({ principal: 1, source: 1 }, new FakeClock());
  t.equal(limits.principal(A, '10.0.0.1')?.exceeded, false);
  t.equal(limits.principal({ ...A, kind: 'oidc' }, '10.0.0.1')?.exceeded, false, 'of another kind, another one');
  t.equal(limits.principal({ ...A, name: 'b' }, '10.0.0.1')?.exceeded, false);
  t.equal(limits.principal(A, '10.0.0.2')?.exceeded, true, 'wherever the caller comes from');
  t.equal(limits.source('10.0.0.1')?.exceeded, false);
  t.equal(limits.source('10.0.0.2')?.exceeded, false);
  t.equal(limits.source('::ffff:10.0.0.1')?.exceeded, true);
  t.equal(limits.source('2001:db8::1')?.exceeded, false);
  t.equal(limits.source('2001:db8::2')?.exceeded, true, 'one network is one source');
});

t.test('who is anonymous counts by address', async (t) => {
  const limits = new RateLimits({ principal: 1, source: 0 }, new FakeClock());
  t.equal(limits.principal(ANYBODY, '10.0.0.1')?.exceeded, false);
  t.equal(limits.principal(ANYBODY, '10.0.0.2')?.exceeded, false);
  t.equal(limits.principal(ANYBODY, '10.0.0.1')?.exceeded, true);
});

t.test('a limit of zero is none, and nobody counts without an address', async (t) => {
  const none = new RateLimits({ principal: 0, source: 0 }, new FakeClock());
  t.equal(none.principal(A, '10.0.0.1'), undefined);
  t.equal(none.source('10.0.0.1'), undefined);
  t.equal(new RateLimits({ principal: 1, source: 1 }, new FakeClock()).source(undefined), undefined);
  t.doesNotThrow(() => assertWithin(undefined, 'source'));
});

t.test('what asks for more than there ever is takes a whole minute’s worth', async (t) => {
  const clock = new FakeClock();
  const limits = new RateLimits({ principal: 10, source: 0 }, clock);
  t.match(limits.principal(A, undefined, 1000), { exceeded: false, remaining: 0 });
  t.match(limits.principal(A, undefined, 1000), { exceeded: true, resetMs: 60_000 });
  await clock.advance(60_000);
  t.match(limits.principal(A, undefined, 1000), { exceeded: false });
});

t.test('a clock that is set back refuses nobody for longer than a minute', async (t) => {
  const clock = new FakeClock();
  const limits = new RateLimits({ principal: 2, source: 0 }, clock);
  limits.principal(A, undefined, 2);
  await clock.advance(-3_600_000);
  t.match(limits.principal(A, undefined), { exceeded: true, resetMs: 30_000 });
  await clock.advance(30_000);
  t.match(limits.principal(A, undefined), { exceeded: false });
});

t.test('in no minute more than two minutes’ worth, and never more than the rate earns', async (t) => {
  const steps = fc.array(fc.record({ wait: fc.nat({ max: 20_000 }), cost: fc.integer({ min: 1, max: 4 }) }));
  await holds(
    t,
    fc.asyncProperty(fc.integer({ min: 1, max: 50 }), steps, async (limit, steps) => {
      const clock = new FakeClock();
      const limits = new RateLimits({ principal: limit, source: 0 }, clock);
      const begin = clock.now().getTime();
      let served = 0;
      for (const { wait, cost } of steps) {
        await clock.advance(wait);
        const quota = limits.principal(A, undefined, cost);
        if (quota?.exceeded === false) served += Math.min(cost, limit);
        const earned = limit + (limit * (clock.now().getTime() - begin)) / 60_000;
        if (served > earned + 1e-3) return false;
      }
      return true;
    }),
  );
});
