import t from 'tap';
import { Restarts } from '../../../src/server/workers/restarts.ts';
import { FakeClock } from '../../support/fake-clock.ts';

t.test(
  'each restart waits longer than the one before, up to ten seconds, and quiet makes it short again',
  async (t) => {
    const clock = new FakeClock();
    const restarts = new Restarts(clock);
    const never = new AbortController().signal;
    const waited = async () => {
      const before = clock.now().getTime();
      let done = false;
      const waiting = restarts.wait(never).then(() => {
        done = true;
      });
      while (!done) await clock.advance(100);
      await waiting;
      return clock.now().getTime() - before;
    };
    const waits: number[] = [];
    for (let n = 0; n < 9; n++) waits.push(await waited());
    t.same(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    await clock.advance(30_001);
    t.equal(await waited(), 100);
  },
);

t.test('the end of the service ends the wait', async (t) => {
  const ending = new AbortController();
  const waiting = t.rejects(new Restarts(new FakeClock()).wait(ending.signal), { name: 'AbortError' });
  ending.abort();
  await waiting;
});
