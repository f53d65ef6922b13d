import t from 'tap';
import { Renewal } from '../../src/access/renewal.ts';
import { AwsCredentials } from '../../src/core/roles.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testCall } from '../support/services.ts';

const call = testCall();

/** A source of sessions of so many seconds each, that can be made to fail. */
function source(clock: FakeClock, seconds: number) {
  const state = { fetched: 0, fails: false };
  const make = () => {
    const expiration = new Date(clock.now().getTime() + seconds * 1000);
    return new AwsCredentials({ accessKeyId: `ASIA${++state.fetched}`, secretAccessKey: 's', expiration });
  };
  const renewal = new Renewal(make(), clock, async () => {
    if (state.fails) throw new Error('away');
    return make();
  });
  const id = async () => (await renewal.credentials(call)).accessKeyId;
  return { state, id };
}

t.test('before their last five minutes credentials stay the same', async (t) => {
  const clock = new FakeClock();
  const { id } = source(clock, 3600);
  t.equal(await id(), 'ASIA1');
  await clock.advance(3299 * 1000);
  t.equal(await id(), 'ASIA1');
});

t.test('in their last five minutes fresh ones are fetched in the background, once', async (t) => {
  const clock = new FakeClock();
  const { id, state } = source(clock, 3600);
  await clock.advance(3301 * 1000);
  t.same(await Promise.all([id(), id(), id()]), ['ASIA1', 'ASIA1', 'ASIA1'], 'nobody waits');
  await clock.advance(0);
  t.equal(await id(), 'ASIA2');
  t.equal(state.fetched, 2);
});

t.test('a failure in the background is told only when the time is up', async (t) => {
  const clock = new FakeClock();
  const { id, state } = source(clock, 3600);
  state.fails = true;
  await clock.advance(3400 * 1000);
  t.equal(await id(), 'ASIA1');
  await clock.advance(141 * 1000);
  await t.rejects(id(), /away/);
  state.fails = false;
  t.equal(await id(), 'ASIA2');
});

t.test('sessions shorter than the margin are used all the same', async (t) => {
  const clock = new FakeClock();
  const { id, state } = source(clock, 40);
  t.equal(await id(), 'ASIA1');
  await clock.advance(31 * 1000);
  t.equal(await id(), 'ASIA2');
  t.equal(state.fetched, 2);
});

t.test('static credentials have no end', async (t) => {
  const clock = new FakeClock();
  const keys = new AwsCredentials({ accessKeyId: 'AKIA', secretAccessKey: 's' });
  const renewal = new Renewal(keys, clock, async () => t.fail('nothing to fetch') as never);
  await clock.advance(1e12);
  t.equal(await renewal.credentials(call), keys);
});
