import t from 'tap';
import { KeySet } from '../../src/auth/key-set.ts';
import { oidcCallers } from '../../src/auth/oidc.ts';
import type { OidcEntry } from '../../src/auth/schema.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { publicJwk, signed, signingKey } from './support/issuer.ts';

const ISSUER = 'https://login.example';
const KEY = signingKey('one', 'EdDSA');
const REFUSED = { name: 'KeysteadError', reason: 'bad-credentials' } as const;

function scene(more: Partial<OidcEntry> = {}) {
  const clock = new FakeClock();
  const load = async () => ({ keys: [publicJwk(KEY)] });
  const keys = new KeySet({ name: 'corp', refreshMs: 300_000, outageMs: 0, clock, load });
  const entry: OidcEntry = { kind: 'oidc', name: 'corp', issuer: ISSUER, audiences: ['keystead'], ...more };
  const judge = oidcCallers(entry, { keys, clock });
  return async (claims: object) => {
    const token = await signed(KEY, { iss: ISSUER, aud: 'keystead', sub: 'alice', ...claims }, clock.now().getTime());
    return (await judge.judge(token, '')).principal;
  };
}

t.test('a caller is named by the authenticator and the subject', async (t) => {
  const caller = scene();
  t.same(await caller({ groups: ['a'] }), { kind: 'oidc', name: 'corp:alice', groups: [] });
  const byMail = scene({ subjectClaim: 'email' });
  t.match(await byMail({ email: 'a@b.example', email_verified: true }), { name: 'corp:a@b.example' });
  t.match(await byMail({ email: 'a@b.example' }), { name: 'corp:a@b.example' });
  for (const email_verified of [false, 'true', null, 0]) {
    await t.rejects(byMail({ email: 'a@b.example', email_verified }), REFUSED, `verified: ${email_verified}`);
  }
  await t.rejects(byMail({}), REFUSED);
});

t.test('a subject that is no visible name is refused', async (t) => {
  const caller = scene();
  for (const sub of [
    '',
    ' ',
    'a b',
    'a\nb',
    'a\u0000',
    'a\u202eb',
    'a\u200bb',
    '\ufeffa',
    'a\ud800',
    'x'.repeat(1025),
  ]) {
    await t.rejects(caller({ sub }), REFUSED, JSON.stringify(sub));
  }
  const odd = scene({ subjectClaim: 'who' });
  for (const who of [7, true, null, ['alice'], { name: 'alice' }, undefined]) {
    await t.rejects(odd({ who }), REFUSED, JSON.stringify(who));
  }
  await t.rejects(scene({ subjectClaim: 'constructor' })({}), REFUSED, 'what every object has is no claim');
});

t.test('groups come from the claim that is named, but none that the service or Kubernetes gives', async (t) => {
  const caller = scene({ groupsClaim: 'roles' });
  const groups = async (roles: unknown) => (await caller({ roles })).groups;
  t.same(await groups(['a', 'b', 'a', '']), ['a', 'b']);
  t.same(await groups('a'), ['a']);
  t.same(await groups(['keystead:admins', 'system:masters', 'keystead:', 'system:serviceaccounts', 'ok']), ['ok']);
  t.same(await groups('keystead:admins'), []);
  for (const odd of [undefined, null, 7, { a: 1 }, [7, null, { a: 1 }, ['a']]])
    t.same(await groups(odd), [], JSON.stringify(odd));
});

t.test('claims that are needed must be there with their value', async (t) => {
  const caller = scene({ requiredClaims: { hd: 'example.org', amr: 'mfa', email_verified: 'true' } });
  const good = { hd: 'example.org', amr: ['pwd', 'mfa'], email_verified: true };
  t.match(await caller(good), { name: 'corp:alice' });
  for (const change of [
    { hd: 'example.org.evil' },
    { hd: undefined },
    { hd: ['evil', 'x'] },
    { amr: ['pwd'] },
    { amr: [['mfa']] },
    { email_verified: false },
    { email_verified: null },
    { email_verified: { toString: 'true' } },
  ]) {
    await t.rejects(caller({ ...good, ...change }), REFUSED, JSON.stringify(change));
  }
});
