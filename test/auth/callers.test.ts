import { hash } from 'node:crypto';
import t from 'tap';
import { adminToken } from '../../src/auth/admin-token.ts';
import type { Callers } from '../../src/auth/callers.ts';
import { KeySets, openCallers } from '../../src/auth/open-callers.ts';
import type { AuthDocument } from '../../src/auth/schema.ts';
import type { ClientCertificate, Credentials } from '../../src/core/authenticator.ts';
import { LockOut } from '../../src/core/lock-out.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { accountClaims, openIssuer, publicJwk, type SigningKey, signed, signingKey } from './support/issuer.ts';

const ADMIN = 'correct-horse-battery';
const REFUSED = { name: 'KeysteadError', reason: 'bad-credentials' } as const;
const LOCKED = { name: 'KeysteadError', reason: 'too-many-requests' } as const;

const NO_CREDENTIALS = { name: 'KeysteadError', reason: 'no-credentials' } as const;

type Entry = AuthDocument['authenticators'][number];

/** Callers of these authenticators, whose keys are files of this scene. */
function scene(authenticators: readonly Entry[], more: { failedLogins?: number; reviewed?: () => boolean } = {}) {
  const clock = new FakeClock();
  const reads: string[] = [];
  const jwks: Record<string, SigningKey[]> = {};
  const lockOut = new LockOut(more.failedLogins ?? 3, clock);
  const keySets = new KeySets(() => {});
  const open = (entries: readonly Entry[] = authenticators) =>
    openCallers(entries.length === 0 ? undefined : { version: 1, authenticators: [...entries] }, {
      clock,
      lockOut,
      keySets,
      refused: async () => {},
      adminToken: adminToken(ADMIN),
      async readFile(path) {
        reads.push(path);
        return Buffer.from(JSON.stringify({ keys: (jwks[path] ?? []).map(publicJwk) }));
      },
      openReviewer: () => ({
        review: async () => ({
          authenticated: more.reviewed?.() ?? false,
          username: 'system:serviceaccount:team-a:web',
        }),
      }),
    });
  return { clock, reads, jwks, open };
}

/** A ServiceAccount whose good token is reviewed as `reviewed` says. */
async function reviewedCaller(review: { url: string; cacheSeconds?: number }, reviewed: () => boolean) {
  const account: Entry = {
    kind: 'service-account',
    name: 'cluster',
    issuer: 'https://one',
    audiences: ['keystead'],
    jwksFile: 'one',
    review,
  };
  const { clock, jwks, open } = scene([account], { reviewed });
  const key = signingKey('k');
  jwks['one'] = [key];
  const jwt = await signed(key, accountClaims('https://one', 'keystead'), clock.now().getTime());
  return { clock, ask: asking(open()), jwt };
}

function asking(callers: Callers) {
  return (token: string, more: Partial<Credentials> = {}) =>
    callers.authenticate({ listener: 'http', source: '10.0.0.1', authorization: `Bearer ${token}`, ...more });
}

const oidc = (name: string, issuer: string): Entry => ({
  kind: 'oidc',
  name,
  issuer,
  audiences: ['keystead'],
  jwksFile: name,
});
const TOKENS: Entry = {
  kind: 'token',
  name: 'tokens',
  tokens: [
    { name: 'ci', sha256: hash('sha256', 'kst_ci'), groups: ['builders'] },
    { name: 'old', sha256: hash('sha256', 'kst_old'), notAfter: '2030-01-01T00:10Z' },
  ],
};
const ANONYMOUS: Entry = { kind: 'anonymous', name: 'nodes', listeners: ['grpc'] };
const certificate = (over: Partial<ClientCertificate> = {}): ClientCertificate => ({
  uris: [],
  dnsNames: ['a.example'],
  publicKeySha256: 'ab'.repeat(32),
  notAfter: new Date(Date.UTC(2031, 0, 1)),
  ...over,
});

t.test('tokens of every kind are known side by side', async (t) => {
  const { clock, jwks, open } = scene([oidc('one', 'https://one'), TOKENS]);
  const key = signingKey('k');
  jwks['one'] = [key];
  const ask = asking(open());
  const jwt = await signed(key, { iss: 'https://one', aud: 'keystead', sub: 'alice' }, clock.now().getTime());
  t.match(await ask(jwt), { kind: 'oidc', name: 'one:alice' });
  t.same(await ask('kst_ci'), { kind: 'token', name: 'ci', groups: ['builders'] });
  t.match(await ask(ADMIN), { kind: 'token', name: 'admin', groups: ['keystead:admins'] });
});

t.test('two issuers whose keys have the same id never speak for each other', async (t) => {
  const { clock, jwks, open } = scene([oidc('one', 'https://one'), oidc('two', 'https://two')]);
  const [first, second] = [signingKey('same'), signingKey('same')];
  jwks['one'] = [first];
  jwks['two'] = [second];
  const ask = asking(open());
  const make = (key: SigningKey, iss: string) =>
    signed(key, { iss, aud: 'keystead', sub: 'alice' }, clock.now().getTime());
  t.match(await ask(await make(first, 'https://one')), { name: 'one:alice' });
  t.match(await ask(await make(second, 'https://two')), { name: 'two:alice' });
  await t.rejects(ask(await make(first, 'https://two')), REFUSED);
  await t.rejects(ask(await make(second, 'https://one')), REFUSED);
});

t.test('of two authenticators for one issuer, the one that knows the token speaks', async (t) => {
  const other: Entry = { ...oidc('two', 'https://one'), audiences: ['backup'] } as Entry;
  const { clock, jwks, open } = scene([oidc('one', 'https://one'), other]);
  const key = signingKey('k');
  jwks['one'] = [key];
  jwks['two'] = [key];
  const ask = asking(open());
  const make = (aud: string) => signed(key, { iss: 'https://one', aud, sub: 'alice' }, clock.now().getTime());
  t.match(await ask(await make('backup')), { name: 'two:alice' });
  t.match(await ask(await make('keystead')), { name: 'one:alice' });
  await t.rejects(ask(await make('x')), { ...REFUSED, message: /for another audience/ });
  const exp = clock.now().getTime() / 1000 - 60;
  const expired = await signed(key, { iss: 'https://one', aud: 'keystead', sub: 'a', exp }, clock.now().getTime());
  await t.rejects(ask(expired), { ...REFUSED, message: /has expired/ }, 'and says what is wrong');
});

t.test('where one authenticator cannot tell, nobody says that the token is wrong', async (t) => {
  const { clock, jwks, open } = scene([oidc('one', 'https://one'), oidc('two', 'https://one')]);
  jwks['one'] = [signingKey('k')];
  const callers = open();
  Object.defineProperty(jwks, 'two', { get: () => [{ kid: 'x' }] });
  const ask = asking(callers);
  const make = () => signed(signingKey('k'), { iss: 'https://one', aud: 'keystead', sub: 'a' }, clock.now().getTime());
  for (let n = 0; n < 10; n++)
    await t.rejects(ask(await make()), { reason: 'issuer-unreachable', code: 'unavailable' });
});

t.test('a verified token is not verified again while its proof is fresh', async (t) => {
  const { clock, reads, jwks, open } = scene([oidc('one', 'https://one')]);
  const key = signingKey('k');
  jwks['one'] = [key];
  const callers = open();
  const ask = asking(callers);
  const jwt = await signed(key, { iss: 'https://one', aud: 'keystead', sub: 'alice' }, clock.now().getTime());
  const first = await ask(jwt);
  t.equal(await ask(jwt), first, 'the very same answer');
  jwks['one'] = [];
  await clock.advance(299_999);
  t.equal(await ask(jwt), first);
  t.same(reads, ['one']);
  await clock.advance(1);
  await t.rejects(ask(jwt), REFUSED, 'its key was withdrawn');
});

t.test('a token that expires while it is remembered is refused', async (t) => {
  const { clock, jwks, open } = scene([oidc('one', 'https://one'), TOKENS]);
  const key = signingKey('k');
  jwks['one'] = [key];
  const ask = asking(open());
  const exp = clock.now().getTime() / 1000 + 60;
  const jwt = await signed(key, { iss: 'https://one', aud: 'keystead', sub: 'alice', exp }, clock.now().getTime());
  await ask(jwt);
  await clock.advance(89_999);
  await t.resolves(ask(jwt));
  await clock.advance(1);
  await t.rejects(ask(jwt), { ...REFUSED, message: /expired/ });
});

t.test('many callers with one new token are one question', async (t) => {
  let reviews = 0;
  const { clock, ask, jwt } = await reviewedCaller({ url: 'https://api' }, () => {
    reviews++;
    return true;
  });
  await Promise.all(Array.from({ length: 50 }, () => ask(jwt)));
  t.equal(reviews, 1);
  await clock.advance(10_000);
  await ask(jwt);
  t.equal(reviews, 2, 'and asked anew when the yes no longer counts');
});

t.test('a clock that is set back makes no proof count for longer', async (t) => {
  let good = true;
  const { clock, ask, jwt } = await reviewedCaller({ url: 'https://api' }, () => good);
  await ask(jwt);
  good = false;
  await clock.advance(-20_000);
  await t.rejects(ask(jwt), REFUSED, 'it is revoked, and nobody knows how old the yes is');
});

t.test('an authorization decides alone, before certificate and anonymous', async (t) => {
  const dns: Entry = { kind: 'certificate', name: 'mesh', by: 'dns' };
  const { open } = scene([dns, TOKENS, ANONYMOUS], { failedLogins: 0 });
  const callers = open();
  const ask = (more: Partial<Credentials>) => callers.authenticate({ listener: 'grpc', ...more });
  t.match(await ask({ certificate: certificate() }), { name: 'dns:a.example' });
  t.match(await ask({ certificate: certificate(), authorization: `Bearer ${ADMIN}` }), { name: 'admin' });
  for (const authorization of ['', 'Bearer', 'Bearer wrong', 'Basic eDp5', `Bearer ${ADMIN} x`]) {
    await t.rejects(
      ask({ certificate: certificate(), authorization }),
      REFUSED,
      `beside a certificate: ${authorization}`,
    );
    await t.rejects(ask({ authorization }), REFUSED, `on the anonymous listener: ${authorization}`);
  }
  t.same(await ask({}), { kind: 'anonymous', name: 'anonymous', groups: [] });
  await t.rejects(callers.authenticate({ listener: 'http' }), NO_CREDENTIALS);
  await t.rejects(callers.authenticate({ listener: 'http' }), NO_CREDENTIALS);
  await t.rejects(ask({ certificate: certificate({ dnsNames: [] }) }), REFUSED, 'a certificate without a name');
});

t.test('a certificate counts until it ends, however long its connection lives', async (t) => {
  const { clock, open } = scene([{ kind: 'certificate', name: 'mesh', by: 'dns' }]);
  const callers = open();
  const shown = certificate({ notAfter: new Date(clock.now().getTime() + 1000) });
  const ask = () => callers.authenticate({ listener: 'http', certificate: shown });
  const first = await ask();
  t.equal(await ask(), first);
  await clock.advance(1000);
  await t.rejects(ask(), { ...REFUSED, message: /has expired/ });
});

t.test('certificates are nobody where no authenticator is for them', async (t) => {
  const { open } = scene([ANONYMOUS]);
  const callers = open();
  const shown = { certificate: certificate() };
  t.match(await callers.authenticate({ listener: 'grpc', ...shown }), { kind: 'anonymous' });
  await t.rejects(callers.authenticate({ listener: 'http', ...shown }), NO_CREDENTIALS);
});

t.test('too many wrong tokens lock a source out, but not those that it has shown before', async (t) => {
  const { clock, open } = scene([TOKENS]);
  const ask = asking(open());
  await ask(ADMIN);
  for (const wrong of ['a', 'b', 'c']) await t.rejects(ask(wrong), REFUSED);
  await t.rejects(ask('d'), LOCKED);
  await t.rejects(ask('x', { authorization: 'Basic eDp5' }), LOCKED);
  await t.rejects(ask('secret-of-nobody'), { ...LOCKED, retryAfter: 60 });
  t.match(await ask(ADMIN), { name: 'admin' }, 'whoever is known goes on');
  t.match(await ask(ADMIN, { authorization: `bearer  ${ADMIN}` }), { name: 'admin' }, 'however it is spelt');
  t.match(await ask(ADMIN, { source: '10.0.0.2' }), { name: 'admin' });
  await t.rejects(ask('d', { source: '10.0.0.2' }), REFUSED, 'another source may still guess');
  await clock.advance(60_000);
  await t.rejects(ask('d'), REFUSED);
});

t.test('while a source is locked out, not even a right token is taken that was never seen', async (t) => {
  const { open } = scene([TOKENS]);
  const ask = asking(open());
  for (const wrong of ['a', 'b', 'c']) await t.rejects(ask(wrong), REFUSED);
  await t.rejects(ask(ADMIN), LOCKED);
  t.match(await ask(ADMIN, { source: '10.0.0.2' }), { name: 'admin' });
  t.match(await ask(ADMIN), { name: 'admin' }, 'it is known now, wherever it came from first');
});

t.test('a token that was good and is looked at anew is no guess', async (t) => {
  let good = true;
  const { clock, ask, jwt } = await reviewedCaller({ url: 'https://api', cacheSeconds: 2 }, () => good);
  await ask(jwt);
  for (const wrong of ['a', 'b', 'c']) await t.rejects(ask(wrong), REFUSED);
  await clock.advance(2000);
  t.match(await ask(jwt), { serviceAccount: 'web' }, 'while the source is locked out');
  good = false;
  await clock.advance(2000);
  for (let n = 0; n < 10; n++) await t.rejects(ask(jwt, { source: '10.0.0.3' }), REFUSED);
  await t.rejects(ask('a', { source: '10.0.0.3' }), REFUSED, 'its refusals did not count');
});

t.test('certificates and callers without credentials lock nobody out', async (t) => {
  const { open } = scene([{ kind: 'certificate', name: 'mesh', by: 'dns' }, TOKENS]);
  const callers = open();
  const from = { listener: 'http', source: '10.0.0.1' } as const;
  for (let n = 0; n < 20; n++) {
    await t.rejects(callers.authenticate({ ...from, certificate: certificate({ dnsNames: [] }) }), REFUSED);
    await t.rejects(callers.authenticate(from), NO_CREDENTIALS);
  }
  t.match(await asking(callers)(ADMIN), { name: 'admin' });
});

t.test('a token ends as its entry says, also when it is remembered', async (t) => {
  const entry: Entry = {
    kind: 'token',
    name: 'tokens',
    tokens: [{ name: 'old', sha256: hash('sha256', 'kst_old'), notAfter: '2030-01-01T00:10Z' }],
  };
  const { clock, open } = scene([entry]);
  const ask = asking(open());
  t.match(await ask('kst_old'), { name: 'old' });
  await clock.advance(599_999);
  t.match(await ask('kst_old'), { name: 'old' });
  await clock.advance(1);
  await t.rejects(ask('kst_old'), { ...REFUSED, message: /expired/ });
});

t.test('new callers remember nobody, but go on with the keys that were fetched', async (t) => {
  const first = oidc('one', 'https://one');
  const { clock, reads, jwks, open } = scene([first]);
  const key = signingKey('k');
  jwks['one'] = [key];
  const jwt = await signed(key, { iss: 'https://one', aud: 'keystead', sub: 'alice' }, clock.now().getTime());
  await asking(open())(jwt);
  const stricter = asking(open([{ ...first, audiences: ['other'] } as Entry]));
  await t.rejects(stricter(jwt), { ...REFUSED, message: /another audience/ });
  t.match(await asking(open([first, TOKENS]))(jwt), { name: 'one:alice' });
  t.same(reads, ['one'], 'the issuer may be away');
  await asking(open([{ ...first, refresh: 60 } as Entry]))(jwt);
  t.same(reads, ['one', 'one'], 'other settings, other keys');
});

t.test('where nobody is known, everybody is told so', async (t) => {
  const clock = new FakeClock();
  const deps = {
    clock,
    lockOut: new LockOut(1, clock),
    keySets: new KeySets(() => {}),
    adminToken: undefined,
    refused: async () => {},
  };
  const more = {
    readFile: async () => Buffer.alloc(0),
    openReviewer: () => ({ review: async () => t.fail() as never }),
  };
  const callers = openCallers(undefined, { ...deps, ...more });
  t.equal(callers.nobody, true);
  await t.rejects(callers.authenticate({ listener: 'http' }), {
    ...NO_CREDENTIALS,
    message: /no credentials are configured/,
  });
  for (let n = 0; n < 3; n++) await t.rejects(asking(callers)('x'), NO_CREDENTIALS);
  const everybody = { kind: 'local', name: 'local', groups: [] } as const;
  const dev = openCallers(undefined, { ...deps, ...more, everybody });
  t.equal(dev.nobody, false);
  t.equal(await asking(dev)('whatever'), everybody);
});

t.test('keys are fetched over the network when the first caller comes, and not before', async (t) => {
  const issuer = await openIssuer(t);
  const key = signingKey('k');
  issuer.keys = [key];
  const { jwksFile: _file, ...entry } = oidc('one', issuer.url) as Extract<Entry, { kind: 'oidc' }>;
  const { clock, open } = scene([entry]);
  const ask = asking(open());
  t.same(issuer.asked, []);
  const jwt = await signed(key, { iss: issuer.url, aud: 'keystead', sub: 'alice' }, clock.now().getTime());
  t.match(await ask(jwt), { name: 'one:alice' });
  t.equal(issuer.asked.length, 2);
});
