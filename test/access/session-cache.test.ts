import t from 'tap';
import { type CachedSession, SessionCache } from '../../src/access/session-cache.ts';
import { type AssumedRole, AwsCredentials } from '../../src/core/roles.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const hop = (key: string) => ({ key, label: `label-${key}` });

function role(clock: FakeClock, seconds = 3600, accessKeyId = 'ASIA1'): AssumedRole {
  const expiration = new Date(clock.now().getTime() + seconds * 1000);
  const credentials = new AwsCredentials({ accessKeyId, secretAccessKey: 's', sessionToken: 't', expiration });
  return { arn: 'arn', account: '1', credentials };
}

t.test('a session is found until a minute before its end', async (t) => {
  const clock = new FakeClock();
  const cache = new SessionCache({ clock });
  await cache.through(hop('a'), call, async () => role(clock));
  await clock.advance(3_539_999);
  t.ok(cache.find('a'));
  t.same(cache.labels(), ['label-a']);
  await clock.advance(1);
  t.equal(cache.find('a'), undefined);
  t.same(cache.labels(), []);
});

t.test('calls at the same time are one flight, and what failed is not remembered', async (t) => {
  const clock = new FakeClock();
  const cache = new SessionCache({ clock });
  let taken = 0;
  const take = async () => {
    taken++;
    await new Promise((resolve) => setImmediate(resolve));
    if (taken === 1) throw new Error('refused');
    return role(clock);
  };
  const first = await Promise.allSettled([1, 2, 3].map(() => cache.through(hop('a'), call, take)));
  t.same([taken, ...first.map(({ status }) => status)], [1, 'rejected', 'rejected', 'rejected']);
  await Promise.all([1, 2, 3].map(() => cache.through(hop('a'), call, take)));
  t.equal(taken, 2);
});

t.test('who goes away ends the flight for nobody', async (t) => {
  const clock = new FakeClock();
  const cache = new SessionCache({ clock });
  const gone = new AbortController();
  let land: (role: AssumedRole) => void = () => {};
  const take = () => new Promise<AssumedRole>((resolve) => (land = resolve));
  const first = cache.through(hop('a'), { ...call, signal: gone.signal }, take);
  const second = cache.through(hop('a'), call, take);
  gone.abort();
  await t.rejects(first, failure('client-gone'));
  land(role(clock));
  t.match(await second, { account: '1' });
});

t.test('off: nothing is kept and nothing is shared', async (t) => {
  const clock = new FakeClock();
  const cache = new SessionCache({ clock, off: true });
  let taken = 0;
  const take = async () => role(clock, 3600, `ASIA${++taken}`);
  await Promise.all([1, 2].map(() => cache.through(hop('a'), call, take)));
  t.equal(taken, 2);
  t.equal(cache.find('a'), undefined);
});

t.test('of too many sessions those go that were used the longest time ago', async (t) => {
  const clock = new FakeClock();
  const cache = new SessionCache({ clock });
  for (let n = 0; n < 10_000; n++) await cache.through(hop(String(n)), call, async () => role(clock));
  t.ok(cache.find('0'), 'used again');
  await cache.through(hop('one more'), call, async () => role(clock));
  t.equal(cache.find('1'), undefined);
  t.ok(cache.find('0'));
});

t.test('a shelf is loaded once and given what lives', async (t) => {
  const clock = new FakeClock();
  const saved: string[][] = [];
  const kept: CachedSession = { ...role(clock), ...hop('kept') };
  const stale: CachedSession = { ...role(clock, 30), ...hop('stale') };
  let loads = 0;
  const shelf = {
    load: async () => {
      loads++;
      return [kept, stale];
    },
    save: async (sessions: readonly CachedSession[]) => void saved.push(sessions.map(({ key }) => key)),
  };
  const cache = new SessionCache({ clock, shelf });
  await Promise.all([cache.ready(), cache.ready()]);
  t.ok(cache.find('kept'));
  t.equal(cache.find('stale'), undefined);
  await cache.through(hop('new'), call, async () => role(clock));
  t.same([loads, saved], [1, [['kept', 'new']]]);
});
