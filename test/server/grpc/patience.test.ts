import t from 'tap';
import { Patience } from '../../../src/server/grpc/patience.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function spendAll(patience: Patience): number {
  let times = 0;
  while (patience.spend()) times++;
  return times;
}

t.test('patience ends, and comes back with time, up to what it was', async (t) => {
  const clock = new FakeClock();
  const patience = new Patience({ clock, most: 10, perSecond: 4 });
  t.equal(spendAll(patience), 10);
  await clock.advance(1250);
  t.equal(spendAll(patience), 4, 'four came back, and one had been overdrawn');
  await clock.advance(3_600_000);
  t.equal(spendAll(patience), 10);
});

t.test('a useful act gives back one', async (t) => {
  const patience = new Patience({ clock: new FakeClock(), most: 1, perSecond: 0 });
  t.ok(patience.spend());
  patience.reward();
  t.ok(patience.spend());
  t.notOk(patience.spend());
});

t.test('a clock that goes back takes nothing', async (t) => {
  const clock = new FakeClock();
  const patience = new Patience({ clock, most: 10, perSecond: 1 });
  await clock.advance(-60_000);
  t.equal(spendAll(patience), 10);
});
