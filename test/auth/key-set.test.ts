import { errors, type JWTVerifyGetKey } from 'jose';
import t from 'tap';
import { KeySet } from '../../src/auth/key-set.ts';
import { KeysteadError } from '../../src/core/errors.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { publicJwk, type SigningKey, signingKey } from './support/issuer.ts';

const [FIRST, SECOND] = [signingKey('first'), signingKey('second')];
const MINUTE = 60_000;
const UNREACHABLE = { reason: 'issuer-unreachable', code: 'unavailable' } as const;

/** A key set on a clock that stands still, with an issuer that does as it is told. */
function scene(options: { outageMs?: number } = {}) {
  const clock = new FakeClock();
  const issuer = { keys: [FIRST] as SigningKey[], away: false, loads: 0, hold: undefined as Promise<void> | undefined };
  const changes: (string | undefined)[] = [];
  const keySet = new KeySet({
    name: 'cluster',
    refreshMs: 5 * MINUTE,
    outageMs: options.outageMs ?? 60 * MINUTE,
    clock,
    changed: (failure) => changes.push(failure?.message),
    async load() {
      issuer.loads++;
      await issuer.hold;
      if (issuer.away) throw new KeysteadError('issuer-unreachable', 'it is away');
      return { keys: issuer.keys.map(publicJwk) };
    },
  });
  const use = (kid: string) => keySet.use((keys) => find(keys, kid));
  return { clock, issuer, changes, use };
}

async function find(keys: JWTVerifyGetKey, kid: string): Promise<string> {
  await keys({ alg: 'ES256', kid }, { payload: '', signature: '' });
  return kid;
}

t.test('keys are fetched when they are needed, and again when they are old', async (t) => {
  const { clock, issuer, use } = scene();
  t.equal(issuer.loads, 0);
  const { result, freshUntil } = await use('first');
  t.equal(result, 'first');
  t.equal(freshUntil, clock.now().getTime() + 5 * MINUTE);
  await clock.advance(5 * MINUTE - 1);
  await use('first');
  t.equal(issuer.loads, 1);
  await clock.advance(1);
  await use('first');
  t.equal(issuer.loads, 2);
});

t.test('many callers at once are one fetch', async (t) => {
  const { issuer, use } = scene();
  await Promise.all(Array.from({ length: 50 }, () => use('first')));
  t.equal(issuer.loads, 1);
});

t.test('a key that is withdrawn opens nothing any more once the keys are old', async (t) => {
  const { clock, issuer, use } = scene();
  await use('first');
  issuer.keys = [SECOND];
  await clock.advance(5 * MINUTE);
  await t.rejects(use('first'), errors.JWKSNoMatchingKey);
});

t.test('an unknown key causes a fetch, but no other one within ten seconds', async (t) => {
  const { clock, issuer, use } = scene();
  await use('first');
  issuer.keys = [FIRST, SECOND];
  await t.rejects(use('second'), errors.JWKSNoMatchingKey, 'just fetched');
  t.equal(issuer.loads, 1);
  await clock.advance(10_000);
  t.equal((await use('second')).result, 'second');
  t.equal(issuer.loads, 2);
  for (let n = 0; n < 100; n++) await t.rejects(use(`guess ${n}`), errors.JWKSNoMatchingKey);
  t.equal(issuer.loads, 2);
  await clock.advance(10_000);
  await Promise.allSettled(Array.from({ length: 100 }, (_, n) => use(`guess ${n}`)));
  t.equal(issuer.loads, 3);
});

t.test(
  'while the issuer is away its last keys are used for the time declared, and not a millisecond longer',
  async (t) => {
    const { clock, issuer, use } = scene({ outageMs: MINUTE });
    await use('first');
    issuer.away = true;
    await clock.advance(5 * MINUTE);
    const { freshUntil } = await use('first');
    t.equal(freshUntil, clock.now().getTime() + 2000, 'and looked at anew soon');
    await clock.advance(MINUTE - 1);
    t.equal((await use('first')).freshUntil, clock.now().getTime() + 1, 'never beyond the end');
    await clock.advance(1);
    await t.rejects(use('first'), { ...UNREACHABLE, message: /the keys of cluster cannot be had: it is away/ });
    issuer.away = false;
    await clock.advance(2000);
    t.equal((await use('first')).result, 'first');
  },
);

t.test('without a declared time, old keys are not used at all', async (t) => {
  const { clock, issuer, use } = scene({ outageMs: 0 });
  await use('first');
  issuer.away = true;
  await clock.advance(5 * MINUTE);
  await t.rejects(use('first'), UNREACHABLE);
});

t.test('nobody waits for an issuer that is away while there are keys to use', async (t) => {
  const { clock, issuer, use } = scene();
  await use('first');
  issuer.away = true;
  await clock.advance(5 * MINUTE);
  await use('first');
  await clock.advance(2000);
  const held = Promise.withResolvers<void>();
  issuer.hold = held.promise;
  t.equal((await use('first')).result, 'first', 'the fetch is still held');
  t.equal(issuer.loads, 3);
  held.resolve();
});

t.test('nobody waits longer than half a second for one that is slow while there are keys to use', async (t) => {
  const { clock, issuer, use } = scene();
  await use('first');
  const held = Promise.withResolvers<void>();
  issuer.hold = held.promise;
  issuer.keys = [SECOND];
  await clock.advance(5 * MINUTE);
  let answered = false;
  const first = use('first').then(({ freshUntil }) => {
    answered = true;
    return freshUntil;
  });
  await clock.advance(499);
  t.equal(answered, false);
  await clock.advance(1);
  t.equal(await first, clock.now().getTime() + 2000, 'and looked at anew soon');
  await use('first');
  t.equal(issuer.loads, 2, 'the same fetch, which is not waited for twice');
  held.resolve();
  await clock.advance(0);
  await t.rejects(use('first'), errors.JWKSNoMatchingKey, 'what it gives in the end counts');
});

t.test('an issuer that is away is asked every two seconds, not by every caller', async (t) => {
  const { clock, issuer, use } = scene();
  issuer.away = true;
  for (let n = 0; n < 50; n++) await t.rejects(use('first'), UNREACHABLE);
  t.equal(issuer.loads, 1);
  await clock.advance(2000);
  await t.rejects(use('first'), UNREACHABLE);
  t.equal(issuer.loads, 2);
});

t.test('a token of an unknown key is no wrong one while the issuer is away: nobody can tell', async (t) => {
  const { clock, issuer, use } = scene();
  await use('first');
  issuer.away = true;
  await clock.advance(10_000);
  await t.rejects(use('second'), UNREACHABLE);
  await t.rejects(use('second'), UNREACHABLE);
  t.equal(issuer.loads, 2);
  t.equal((await use('first')).result, 'first', 'the known key goes on');
});

t.test('what is no JWK Set counts as no answer', async (t) => {
  const clock = new FakeClock();
  for (const document of [undefined, null, 'x', [], {}, { keys: {} }, { keys: ['x'] }]) {
    const keySet = new KeySet({ name: 'cluster', refreshMs: 1, outageMs: 1, clock, load: async () => document });
    await t.rejects(
      keySet.use((keys) => find(keys, 'first')),
      UNREACHABLE,
      JSON.stringify(document),
    );
  }
});

t.test('a clock that was set back makes the keys of an unknown age', async (t) => {
  const { clock, issuer, use } = scene();
  await use('first');
  await clock.advance(-MINUTE);
  await use('first');
  t.equal(issuer.loads, 2);
  issuer.away = true;
  await clock.advance(-MINUTE);
  await t.rejects(use('first'), UNREACHABLE);
});

t.test('the beginning and the end of an outage are told once', async (t) => {
  const { clock, issuer, changes, use } = scene();
  await use('first');
  issuer.away = true;
  await clock.advance(5 * MINUTE);
  for (let n = 0; n < 3; n++) {
    await use('first');
    await clock.advance(2000);
  }
  issuer.away = false;
  await clock.advance(2000);
  await use('first');
  await clock.advance(0);
  await use('first');
  t.same(changes, ['the keys of cluster cannot be had: it is away', undefined]);
});
