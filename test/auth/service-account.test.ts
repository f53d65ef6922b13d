import t from 'tap';
import { tokenMark } from '../../src/auth/bearer.ts';
import { KeySet } from '../../src/auth/key-set.ts';
import type { ServiceAccountEntry } from '../../src/auth/schema.ts';
import { serviceAccounts } from '../../src/auth/service-account.ts';
import { KeysteadError } from '../../src/core/errors.ts';
import type { Review } from '../../src/core/token-review.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { accountClaims, publicJwk, signed, signingKey } from './support/issuer.ts';

const ISSUER = 'https://cluster.example';
const KEY = signingKey('one');
const REFUSED = { name: 'KeysteadError', reason: 'bad-credentials' } as const;
const NAME = 'system:serviceaccount:team-a:web';

function scene(review?: { cacheSeconds?: number; answer: (token: string) => Review }) {
  const clock = new FakeClock();
  const load = async () => ({ keys: [publicJwk(KEY)] });
  const keys = new KeySet({ name: 'cluster', refreshMs: 300_000, outageMs: 0, clock, load });
  const asked: string[] = [];
  const reviewer = review && {
    async review(token: string) {
      asked.push(token);
      return review.answer(token);
    },
  };
  const entry = {
    kind: 'service-account' as const,
    name: 'cluster',
    issuer: ISSUER,
    audiences: ['keystead'],
    ...(review === undefined ? {} : { review: { url: 'https://api', cacheSeconds: review.cacheSeconds ?? 10 } }),
  } satisfies ServiceAccountEntry;
  const judge = serviceAccounts(entry, { keys, clock, reviewer });
  const judged = (token: string) => judge.judge(token, tokenMark(token));
  const make = (claims: object = {}) =>
    signed(KEY, { ...accountClaims(ISSUER, 'keystead'), ...claims }, clock.now().getTime());
  return { clock, asked, judged, make };
}

t.test('a ServiceAccount is known by the claims that Kubernetes has signed', async (t) => {
  const { judged, make } = scene();
  const { principal } = await judged(await make());
  t.same(principal, {
    kind: 'service-account',
    name: NAME,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:team-a'],
    namespace: 'team-a',
    serviceAccount: 'web',
  });
  const dotted = await judged(await make(accountClaims(ISSUER, 'keystead', 'a', 'web.v1')));
  t.match(dotted.principal, { name: 'system:serviceaccount:a:web.v1', serviceAccount: 'web.v1' });
});

t.test('claims that do not say the same, or could be read in two ways, are refused', async (t) => {
  const { judged, make } = scene();
  const bound = (namespace: unknown, name: unknown) => ({ 'kubernetes.io': { namespace, serviceaccount: { name } } });
  const wrong: object[] = [
    { sub: 'system:serviceaccount:kube-system:root' },
    { sub: 'web' },
    { sub: `${NAME} ` },
    { 'kubernetes.io': undefined },
    { 'kubernetes.io': null },
    { 'kubernetes.io': [] },
    bound('team-a', undefined),
    bound(undefined, 'web'),
    bound('team-b', 'web'),
    bound('team-a', ['web']),
    { ...bound('team-a:web', 'x'), sub: 'system:serviceaccount:team-a:web:x' },
    { ...bound('team-a', 'web:x'), sub: 'system:serviceaccount:team-a:web:x' },
    { ...bound('', 'web'), sub: 'system:serviceaccount::web' },
    { ...bound('team-a/..', 'web'), sub: 'system:serviceaccount:team-a/..:web' },
    { ...bound('Team-A', 'web'), sub: 'system:serviceaccount:Team-A:web' },
    { ...bound('team-ä', 'web'), sub: 'system:serviceaccount:team-ä:web' },
    { ...bound('team-a\n', 'web'), sub: 'system:serviceaccount:team-a\n:web' },
    { ...bound('*', 'web'), sub: 'system:serviceaccount:*:web' },
  ];
  for (const claims of wrong) await t.rejects(judged(await make(claims)), REFUSED, JSON.stringify(claims));
  // As Kubernetes made them before tokens were bound, without an end.
  const old = { 'kubernetes.io': undefined, 'kubernetes.io/serviceaccount/namespace': 'team-a', exp: undefined };
  await t.rejects(judged(await make(old)), REFUSED);
});

t.test('with a review, the API server has to say yes to the same account', async (t) => {
  let answer: Review = { authenticated: true, username: NAME };
  const { clock, asked, judged, make } = scene({ cacheSeconds: 10, answer: () => answer });
  const token = await make();
  const { freshUntil, knownUntil } = await judged(token);
  t.equal(freshUntil, clock.now().getTime() + 10_000, 'a yes counts so long');
  t.equal(knownUntil, clock.now().getTime() + 630_000);
  t.same(asked, [token]);
  answer = { authenticated: true, username: 'system:serviceaccount:team-b:web' };
  await t.rejects(judged(token), { ...REFUSED, message: /the API server does not accept it/ });
  await clock.advance(1000);
  answer = { authenticated: false, username: '' };
  await t.rejects(judged(token), REFUSED);
});

t.test('the API server is not asked about a token whose signature is wrong', async (t) => {
  const { asked, judged, make } = scene({ answer: () => ({ authenticated: true, username: NAME }) });
  const [header, payload] = (await make()).split('.');
  await t.rejects(judged(`${header}.${payload}.${Buffer.alloc(64, 1).toString('base64url')}`), REFUSED);
  t.same(asked, []);
});

t.test('a no counts for a second, a yes of no seconds not at all', async (t) => {
  let answer: Review = { authenticated: false, username: '' };
  const { clock, asked, judged, make } = scene({ answer: () => answer });
  const token = await make();
  for (let n = 0; n < 20; n++) await t.rejects(judged(token), REFUSED);
  t.equal(asked.length, 1);
  await t.rejects(judged(await make({ jti: 'another' })), REFUSED);
  t.equal(asked.length, 2);
  await clock.advance(1000);
  answer = { authenticated: true, username: NAME };
  await t.resolves(judged(token));
  const never = scene({ cacheSeconds: 0, answer: () => answer });
  t.equal((await never.judged(await never.make())).freshUntil, never.clock.now().getTime());
});

t.test(
  'an API server that is away is asked once a second, and nobody is let in or called wrong meanwhile',
  async (t) => {
    const away = new KeysteadError('token-review-unavailable', 'it is away');
    let answer = (): Review => {
      throw away;
    };
    const { clock, asked, judged, make } = scene({ answer: () => answer() });
    const token = await make();
    for (let n = 0; n < 20; n++)
      await t.rejects(judged(token), { reason: 'token-review-unavailable', code: 'unavailable' });
    t.equal(asked.length, 1);
    await clock.advance(1000);
    answer = () => ({ authenticated: true, username: NAME });
    await t.resolves(judged(token));
  },
);
