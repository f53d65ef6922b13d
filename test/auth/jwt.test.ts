import { createHmac, sign as signBytes } from 'node:crypto';
import { exportJWK, type JWTPayload, UnsecuredJWT } from 'jose';
import t from 'tap';
import { claimedBy, verifyJwt } from '../../src/auth/jwt.ts';
import { KeySet } from '../../src/auth/key-set.ts';
import { ALGORITHMS } from '../../src/auth/schema.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { accountClaims, publicJwk, type SigningKey, signed, signingKey } from './support/issuer.ts';

const ISSUER = 'https://issuer.example';
const AUDIENCE = 'keystead';
const [EC, RSA, OTHER] = [signingKey('ec'), signingKey('rsa', 'RS256'), signingKey('ec')];
const CLAIMS = accountClaims(ISSUER, AUDIENCE);
const REFUSED = { name: 'KeysteadError', reason: 'bad-credentials' } as const;

function scene(keys: readonly unknown[] = [publicJwk(EC), publicJwk(RSA)], algorithms: readonly string[] = ALGORITHMS) {
  const clock = new FakeClock();
  const keySet = new KeySet({ name: 'it', refreshMs: 300_000, outageMs: 0, clock, load: async () => ({ keys }) });
  const rules = { issuer: ISSUER, audiences: [AUDIENCE, 'another'], algorithms };
  const verify = (token: string) => verifyJwt(token, rules, keySet, clock);
  const make = (key: SigningKey, claims: object = CLAIMS, header: object = {}) =>
    signed(key, claims as JWTPayload, clock.now().getTime(), header);
  return { clock, verify, make, now: Math.floor(clock.now().getTime() / 1000) };
}

const claimedIssuer = (token: string) => claimedBy(token)?.issuer;
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

t.test('a token of the issuer is verified, until it expires', async (t) => {
  const { clock, verify, make, now } = scene();
  for (const key of [EC, RSA]) {
    const { claims, knownUntil, freshUntil } = await verify(await make(key));
    t.match(claims, { iss: ISSUER, sub: 'system:serviceaccount:team-a:web' });
    t.equal(knownUntil, (now + 630) * 1000, '30 seconds are for clocks that differ');
    t.equal(freshUntil, clock.now().getTime() + 300_000, 'the keys are looked at before that');
  }
  const brief = await make(EC, { ...CLAIMS, exp: now + 5 });
  t.equal((await verify(brief)).freshUntil, (now + 35) * 1000);
});

t.test('a token counts from its first to its last second, 30 seconds more or less, and no longer', async (t) => {
  const { clock, verify, make, now } = scene();
  const token = await make(EC, { ...CLAIMS, iat: now, nbf: now, exp: now + 100 });
  await clock.advance(129_999);
  await t.resolves(verify(token));
  await clock.advance(1);
  await t.rejects(verify(token), { ...REFUSED, message: /it has expired/ });
  const later = scene();
  for (const claim of ['nbf', 'iat']) {
    await t.resolves(later.verify(await later.make(EC, { ...CLAIMS, [claim]: now + 30 })), claim);
    const early = later.verify(await later.make(EC, { ...CLAIMS, [claim]: now + 31 }));
    await t.rejects(early, { ...REFUSED, message: /it is not valid yet/ }, claim);
  }
});

t.test('a token needs issuer, audience, subject and an end', async (t) => {
  const { verify, make } = scene();
  await t.resolves(verify(await make(EC, { ...CLAIMS, aud: 'another' })));
  const wrong: [string, object, RegExp][] = [
    ['another audience', { aud: 'x' }, /it is for another audience/],
    ['another audience in a list', { aud: ['x', 'y'] }, /it is for another audience/],
    ['an audience that only begins so', { aud: 'keystead.example' }, /it is for another audience/],
    ['no audience', { aud: undefined }, /it is for another audience/],
    ['an empty list of audiences', { aud: [] }, /it is for another audience/],
    ['audiences within audiences', { aud: [[AUDIENCE]] }, /it is for another audience/],
    ['another issuer', { iss: `${ISSUER}/` }, /lacks a claim/],
    ['issuers in a list', { iss: [ISSUER] }, /lacks a claim/],
    ['no issuer', { iss: undefined }, /lacks a claim/],
    ['no subject', { sub: undefined }, /lacks a claim/],
    ['no end', { exp: undefined }, /lacks a claim/],
    ['an end as text', { exp: '9999999999' }, /lacks a claim/],
    ['a beginning as text', { nbf: '1' }, /not valid yet|lacks a claim/],
    ['a birth as text', { iat: 'x' }, /not valid yet|lacks a claim/],
  ];
  for (const [what, claims, message] of wrong) {
    await t.rejects(verify(await make(EC, { ...CLAIMS, ...claims })), { ...REFUSED, message }, what);
  }
});

t.test('what is wrong is told to those alone whose signature is good', async (t) => {
  const { verify, make, now } = scene();
  const forged = await make(OTHER, { ...CLAIMS, exp: now - 100, aud: 'x' });
  await t.rejects(verify(forged), { ...REFUSED, message: 'the credentials were not accepted' });
});

t.test('a token without a signature, or of another algorithm than it says, is refused', async (t) => {
  const { verify, make, now } = scene();
  const full = { ...CLAIMS, exp: now + 600 };
  const [header, payload, signature] = (await make(EC)).split('.') as [string, string, string];
  const secret = RSA.publicKey.export({ type: 'spki', format: 'pem' });
  const hs = (alg: string, key: string | Buffer) => {
    const input = `${encode({ alg, kid: 'rsa' })}.${encode(full)}`;
    return `${input}.${createHmac(`sha${alg.slice(2)}`, key)
      .update(input)
      .digest('base64url')}`;
  };
  const attacks: Record<string, string> = {
    none: new UnsecuredJWT(full).encode(),
    'none with a signature': `${encode({ alg: 'none' })}.${payload}.${signature}`,
    NONE: `${encode({ alg: 'NoNe' })}.${payload}.`,
    'no algorithm': `${encode({ kid: 'ec' })}.${payload}.${signature}`,
    'no signature': `${header}.${payload}.`,
    'HS256 with the public key as PEM': hs('HS256', secret),
    'HS512 with the public key as DER': hs('HS512', RSA.publicKey.export({ type: 'spki', format: 'der' })),
    'HS256 with the public key as JWK': hs('HS256', JSON.stringify(publicJwk(RSA))),
    'another payload': `${header}.${encode({ ...full, sub: 'system:serviceaccount:kube-system:root' })}.${signature}`,
    'an empty ECDSA signature': `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
    'a signature in DER': `${header}.${payload}.${signBytes('sha256', Buffer.from(`${header}.${payload}`), EC.privateKey).toString('base64url')}`,
    'a signature with something behind it': `${header}.${payload}.${signature}AAAA`,
    'a fourth part': `${header}.${payload}.${signature}.x`,
    'five parts': `${header}.${payload}.${signature}.x.y`,
    'RS256 said of an EC key': `${encode({ alg: 'RS256', kid: 'ec' })}.${payload}.${signature}`,
  };
  await t.resolves(verify(`${header}.${payload}.${signature}`));
  for (const [what, token] of Object.entries(attacks)) await t.rejects(verify(token), REFUSED, what);
});

t.test('keys that a token brings, or names a place for, are ignored', async (t) => {
  const { verify, make } = scene();
  const jwk = await exportJWK(OTHER.publicKey);
  const claims = CLAIMS;
  for (const header of [
    { jwk },
    { jwk, kid: undefined },
    { jku: 'https://evil.example/keys' },
    { x5u: 'https://evil.example/chain' },
    { x5c: ['MIIB'] },
    { kid: '../../dev/null' },
    { kid: 'missing' },
    { kid: '' },
    { kid: ['ec'] },
  ]) {
    const token = await make(OTHER, claims, header as object);
    await t.rejects(verify(token), REFUSED, JSON.stringify(header));
  }
  const harmless = await make(EC, claims, { jwk, jku: 'https://evil.example/keys' });
  await t.resolves(verify(harmless), 'they do no harm beside a good signature');
});

t.test('another key with the same id is another key', async (t) => {
  const { verify, make } = scene();
  await t.rejects(verify(await make(OTHER)), REFUSED);
});

t.test('only the algorithms that are allowed count', async (t) => {
  const { verify, make } = scene(undefined, ['RS256']);
  await t.resolves(verify(await make(RSA)));
  await t.rejects(verify(await make(EC)), REFUSED);
  for (const algorithm of ALGORITHMS) t.notMatch(algorithm, /HS|none/i);
});

t.test('a JWK Set with symmetric, private or weak keys helps nobody', async (t) => {
  const oct = { kty: 'oct', kid: 'oct', k: Buffer.from('secret'.repeat(8)).toString('base64url') };
  const held = { ...(await exportJWK(EC.privateKey)), kid: 'ec', alg: 'ES256' };
  const { verify, make, now } = scene([oct, held]);
  await t.rejects(verify(await make(EC)), REFUSED, 'a private key');
  const input = `${encode({ alg: 'HS256', kid: 'oct' })}.${encode({ ...CLAIMS, exp: now + 600 })}`;
  const mac = createHmac('sha256', 'secret'.repeat(8)).update(input).digest('base64url');
  await t.rejects(verify(`${input}.${mac}`), REFUSED, 'a symmetric one');
});

t.test('whom to ask is told by the issuer that a token names', async (t) => {
  const { make } = scene();
  t.equal(claimedIssuer(await make(EC)), ISSUER);
  for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+jwt']) {
    t.equal(claimedIssuer(await make(EC, CLAIMS, { typ })), ISSUER, typ);
  }
});

t.test('nobody is asked about what is no token for callers', async (t) => {
  const { make } = scene();
  for (const typ of ['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'JWE', '', 7, null, ['JWT']]) {
    t.equal(claimedIssuer(await make(EC, CLAIMS, { typ })), undefined, JSON.stringify(typ));
  }
  const [header, payload, signature] = (await make(EC)).split('.') as [string, string, string];
  const critical = (crit: unknown) => `${encode({ alg: 'ES256', kid: 'ec', crit, b64: true })}.${payload}.${signature}`;
  for (const crit of [['b64'], ['exp'], [], 'b64', null]) t.equal(claimedIssuer(critical(crit)), undefined);
  t.equal(claimedIssuer(await make(EC, { ...CLAIMS, iss: [ISSUER] })), undefined);
  for (const odd of [`${signature}==`, `${signature}=`, `${signature}.`, `${signature}+`, `${signature}\n`, '']) {
    t.equal(claimedIssuer(`${header}.${payload}.${odd}`), undefined, JSON.stringify(odd));
  }
  for (const token of [
    '',
    'x',
    'a.b',
    'a.b.c',
    `${header}.${payload}`,
    `${header}.bm8.${signature}`,
    '...',
    `${header}..`,
  ]) {
    t.equal(claimedIssuer(token), undefined, token);
  }
});
