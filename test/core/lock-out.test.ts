import t from 'tap';
import { LockOut } from '../../src/core/lock-out.ts';
import { FakeClock } from '../support/fake-clock.ts';

const LOCKED = { reason: 'too-many-requests', code: 'resource_exhausted' } as const;

t.test('as many refusals within a minute as are allowed lock the source out for a minute', async (t) => {
  const clock = new FakeClock();
  const lockOut = new LockOut(3, clock);
  await lockOut.refused('10.0.0.1');
  await clock.advance(30_000);
  await lockOut.refused('10.0.0.1');
  t.doesNotThrow(() => lockOut.assertOpen('10.0.0.1'));
  await lockOut.refused('10.0.0.1');
  t.throws(() => lockOut.assertOpen('10.0.0.1'), { ...LOCKED, retryAfter: 60 });
  t.doesNotThrow(() => lockOut.assertOpen('10.0.0.2'), 'another source is not meant');
  await clock.advance(59_001);
  t.throws(() => lockOut.assertOpen('10.0.0.1'), { ...LOCKED, retryAfter: 1 });
  await clock.advance(999);
  t.doesNotThrow(() => lockOut.assertOpen('10.0.0.1'));
});

t.test('refusals that are more than a minute apart do not add up', async (t) => {
  const clock = new FakeClock();
  const lockOut = new LockOut(2, clock);
  for (let n = 0; n < 5; n++) {
    await lockOut.refused('10.0.0.1');
    t.doesNotThrow(() => lockOut.assertOpen('10.0.0.1'));
    await clock.advance(60_000);
  }
});

t.test('what comes while the source is locked out neither lengthens nor ends it', async (t) => {
  const clock = new FakeClock();
  const lockOut = new LockOut(2, clock);
  await lockOut.refused('10.0.0.1');
  await clock.advance(59_000);
  await lockOut.refused('10.0.0.1');
  for (let n = 0; n < 59; n++) {
    await clock.advance(1000);
    await lockOut.refused('10.0.0.1');
    t.throws(() => lockOut.assertOpen('10.0.0.1'), LOCKED);
  }
  await clock.advance(1000);
  t.doesNotThrow(() => lockOut.assertOpen('10.0.0.1'));
});

t.test('a clock that is set back shuts nobody out for longer', async (t) => {
  const clock = new FakeClock();
  const lockOut = new LockOut(1, clock);
  await lockOut.refused('10.0.0.1');
  await clock.advance(-3_600_000);
  t.doesNotThrow(() => lockOut.assertOpen('10.0.0.1'));
  await lockOut.refused('10.0.0.1');
  t.throws(() => lockOut.assertOpen('10.0.0.1'), LOCKED, 'and locks as before');
});

t.test('a limit of zero is none, and without a source nobody is locked out', async (t) => {
  const none = new LockOut(0, new FakeClock());
  const one = new LockOut(1, new FakeClock());
  for (let n = 0; n < 100; n++) {
    await none.refused('10.0.0.1');
    await one.refused(undefined);
  }
  t.doesNotThrow(() => none.assertOpen('10.0.0.1'));
  t.doesNotThrow(() => one.assertOpen(undefined));
});

t.test('a hundred thousand sources take the memory of ten thousand', async (t) => {
  const lockOut = new LockOut(1, new FakeClock());
  for (let n = 0; n < 100_000; n++) await lockOut.refused(`${n}`);
  const locked = Array.from({ length: 100_000 }, (_, n) => {
    try {
      lockOut.assertOpen(`${n}`);
      return 0;
    } catch {
      return 1;
    }
  });
  const sum = locked.reduce<number>((all, one) => all + one, 0);
  t.ok(sum > 1000 && sum <= 10_000, `${sum}`);
});

t.test('all addresses of one IPv6 network of 64 bits are one source', async (t) => {
  const lockOut = new LockOut(2, new FakeClock());
  await lockOut.refused('2001:db8::1');
  await lockOut.refused('2001:db8::2');
  t.throws(() => lockOut.assertOpen('2001:db8::3'), LOCKED);
});
