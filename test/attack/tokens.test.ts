import { createHmac, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type JWTPayload, UnsecuredJWT } from 'jose';
import t, { type Test } from 'tap';
import { accountClaims, publicJwk, type SigningKey, signed, signingKey } from '../auth/support/issuer.ts';
import { AUDIENCE, type House, openHouse } from './support/house.ts';

t.setTimeout(400_000);
const house = await openHouse(t);

/** Tokens that somebody may make who has none of the keys: each is refused over HTTP and gRPC, as if it were noise. */

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A JWT out of a header and a payload that are written as they are given. */
function jwt(key: SigningKey, header: unknown, payload: unknown): string {
  const input = `${encode(header)}.${encode(payload)}`;
  const signature =
    key.alg === 'ES256'
      ? sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
      : sign('sha256', Buffer.from(input), key.privateKey);
  return `${input}.${signature.toString('base64url')}`;
}

function macced(secret: string | Buffer, header: unknown, payload: unknown): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

function claimsOf({ cluster }: House, more: object = {}): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  return { ...accountClaims(cluster.url, AUDIENCE, 'team-a'), iat: now, nbf: now, exp: now + 600, ...more };
}

const TARGET = '/v1/data-keys/team-a%2Fdisk/get';

/** Refused by both porches, in the words that a wrong token gets. */
async function isRefused(t: Test, house: House, token: string, what: string, words?: RegExp): Promise<void> {
  const answer = await house.ask(TARGET, { token });
  t.equal(answer.status, 401, `${what}, HTTP`);
  t.match(answer.json(), { reason: 'bad-credentials', ...(words && { detail: words }) }, what);
  t.notOk(answer.json()['dataKey'], what);
  const { status, key } = await house.grpc('team-a/disk', token);
  t.equal(status, 16, `${what}, gRPC`);
  t.equal(key, undefined, what);
}

const PLAIN = /the credentials were not accepted/;

t.test('a token that was not signed by its issuer opens nothing', async (t) => {
  t.equal((await house.ask(TARGET, { token: await house.tenant('team-a') })).status, 200, 'a good one does');
  const { keys, cluster, corp } = house;
  const claims = claimsOf(house);
  const payload = claims as JWTPayload;
  const own = signingKey('k1', 'RS256');
  const pem = keys.cluster.publicKey.export({ type: 'spki', format: 'pem' });
  const der = keys.cluster.publicKey.export({ type: 'spki', format: 'der' });
  const hs = { alg: 'HS256', kid: 'k1' };
  const header = { alg: 'RS256', kid: 'k1' };
  const [first, , last] = (await house.tenant('team-a')).split('.') as [string, string, string];
  const attacks: Record<string, string> = {
    'alg none': new UnsecuredJWT(payload).encode(),
    'alg none, with a signature': jwt(own, { alg: 'none', kid: 'k1' }, claims),
    'alg nOnE': `${encode({ alg: 'nOnE', kid: 'k1' })}.${encode(claims)}.`,
    'no alg': jwt(own, { kid: 'k1' }, claims),
    'alg as a list': jwt(own, { alg: ['RS256'], kid: 'k1' }, claims),
    'HS256 with the public key in PEM': macced(pem, hs, claims),
    'HS256 with the public key in PEM, no newline': macced(String(pem).trim(), hs, claims),
    'HS256 with the public key in DER': macced(der, hs, claims),
    'HS256 with the modulus': macced(String(publicJwk(keys.cluster)['n']), hs, claims),
    'HS256 with nothing': macced('', hs, claims),
    'HS256 that says RS256': macced(pem, header, claims),
    'a key of mine': jwt(own, header, claims),
    'the key of the other issuer, same kid': jwt(keys.corp, header, claims),
    'two algs, the last one none': jwt(own, '{"alg":"RS256","kid":"k1","alg":"none"}', claims),
    'two algs, the last one HS256': macced(pem, '{"alg":"RS256","kid":"k1","alg":"HS256"}', claims),
    'the signature of another token': `${first}.${encode({ ...claims, sub: 'system:serviceaccount:team-b:web' })}.${last}`,
    'no signature': `${first}.${encode(claims)}.`,
    'a signature of zeros': `${first}.${encode(claims)}.${Buffer.alloc(256).toString('base64url')}`,
    'a JWE': `${encode({ alg: 'dir', enc: 'A256GCM' })}..AAAA.AAAA.AAAA`,
    'in JSON': JSON.stringify({ payload: encode(claims), signatures: [] }).replaceAll(' ', ''),
  };
  for (const [what, token] of Object.entries(attacks)) await isRefused(t, house, token, what, PLAIN);
  t.equal(cluster.asked.length, 2, 'its own issuer was asked once: its discovery and its keys');
  // No key of the issuer fits this one, for which its keys may be fetched anew; on a slow machine they are.
  const unlike = jwt(signingKey('k1'), { alg: 'ES256', kid: 'k1' }, claims);
  await isRefused(t, house, unlike, 'a key of mine of another kind, same kid', PLAIN);
  t.same(corp.asked, [], 'nobody asked the other issuer');
});

t.test('a token cannot say where its key is', async (t) => {
  const own = signingKey('mine', 'RS256');
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.end(JSON.stringify({ keys: [publicJwk(own)] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const jwk = publicJwk(own);
  const places: Record<string, object> = {
    jwk: { jwk },
    'jwk with the kid of the issuer': { jwk, kid: 'k1' },
    jku: { jku: url },
    'jku with the kid of the issuer': { jku: url, kid: 'k1' },
    x5u: { x5u: url },
    x5c: { x5c: [own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] },
    'kid as an address': { kid: url },
    'kid as a path': { kid: '../../../../dev/null' },
    'kid as a command': { kid: "k1'; DROP TABLE keys; --" },
    'kid as an object': { kid: { $ne: null } },
    'kid with a newline': { kid: 'k1\n' },
    'kid of every object': { kid: '__proto__' },
    'no kid': {},
    'an unknown extension that is critical': { kid: 'k1', crit: ['x'], x: true },
    'an unencoded payload': { kid: 'k1', b64: false, crit: ['b64'] },
    'another type': { kid: 'k1', typ: 'logout+jwt' },
    'a nested token': { kid: 'k1', cty: 'JWT' },
  };
  for (const [what, header] of Object.entries(places)) {
    await isRefused(t, house, jwt(own, { alg: 'RS256', ...header }, claimsOf(house)), what, PLAIN);
  }
  t.equal(asked, 0, 'nobody went there');
  for (const header of [{ crit: ['x'], x: 1 }, { b64: false, crit: ['b64'] }, { crit: [] }, { typ: 'secevent+jwt' }]) {
    const token = jwt(house.keys.cluster, { alg: 'RS256', kid: 'k1', ...header }, claimsOf(house));
    await isRefused(t, house, token, `signed well, ${JSON.stringify(header)}`);
  }
});

t.test('a token of one issuer says nothing of the other issuer or of another audience', async (t) => {
  const { keys, cluster, corp } = house;
  const now = Math.floor(Date.now() / 1000);
  const good = { alg: 'RS256', kid: 'k1' };
  const claims = claimsOf(house);
  const wrong: Record<string, object> = {
    'the audience of somebody else': { aud: ['vault'] },
    'an audience that begins alike': { aud: 'keystead.evil' },
    'an audience in a list in a list': { aud: [[AUDIENCE]] },
    'an audience as an object': { aud: { 0: AUDIENCE } },
    'no audience': { aud: [] },
    expired: { exp: now - 31 },
    'expired for ever': { exp: 0 },
    'an end as text': { exp: String(now + 600) },
    'no end': { exp: undefined },
    'not valid yet': { nbf: now + 100 },
    'issued in the future': { iat: now + 100 },
    'an issuer with a slash behind': { iss: `${cluster.url}/` },
    'two issuers': { iss: [cluster.url, corp.url] },
    'a subject of another account than its claims': { sub: 'system:serviceaccount:team-b:web' },
    'claims of another account than its subject': {
      'kubernetes.io': { namespace: 'team-b', serviceaccount: { name: 'web' } },
    },
    'a namespace that reaches further': {
      sub: 'system:serviceaccount:team-a/../team-b:web',
      'kubernetes.io': { namespace: 'team-a/../team-b', serviceaccount: { name: 'web' } },
    },
    'a namespace of stars': {
      sub: 'system:serviceaccount:**:web',
      'kubernetes.io': { namespace: '**', serviceaccount: { name: 'web' } },
    },
    'a namespace in two places': {
      sub: 'system:serviceaccount:team-a:b:web',
      'kubernetes.io': { namespace: 'team-a:b', serviceaccount: { name: 'web' } },
    },
    'a namespace in a list': { 'kubernetes.io': { namespace: ['team-a'], serviceaccount: { name: 'web' } } },
    'no bound claims': { 'kubernetes.io': undefined },
    'claims in claims': { 'kubernetes.io': { 'kubernetes.io': { namespace: 'team-a' } } },
  };
  for (const [what, more] of Object.entries(wrong)) {
    await isRefused(t, house, jwt(keys.cluster, good, { ...claims, ...more }), what);
  }
  // Of two names the last one counts, for us and for whoever signed it: there is one reader.
  const twice = JSON.stringify(claims).replace('"sub":', '"sub":"system:serviceaccount:team-b:web","sub":');
  const { status } = await house.ask(TARGET, { token: jwt(keys.cluster, good, twice) });
  t.equal(status, 200, 'the last of two subjects, which its claims say too');
  const first = JSON.stringify(claims).replace(
    /"sub":"([^"]+)"/,
    '"sub":"$1","sub":"system:serviceaccount:team-b:web"',
  );
  await isRefused(t, house, jwt(keys.cluster, good, first), 'the first of two subjects');
  await isRefused(t, house, jwt(keys.corp, good, { ...claims, iss: corp.url, aud: 'else' }), 'corp, another audience');
});

t.test('an issuer of people cannot make ServiceAccounts or administrators', async (t) => {
  const { keys, corp } = house;
  const claims = {
    ...accountClaims(corp.url, AUDIENCE, 'team-a'),
    groups: ['keystead:admins', 'system:serviceaccounts:team-a', 'system:masters'],
  };
  const token = await signed(keys.corp, claims, Date.now());
  const answer = await house.ask(TARGET, { token });
  t.match([answer.status, answer.json()], [403, { reason: 'policy' }], 'it is a caller, without rights');
  t.equal((await house.grpc('team-a/disk', token)).status, 7);
  const line = house.service.audit.at(-1);
  t.match(line, { principal: { kind: 'oidc', name: 'corp:system:serviceaccount:team-a:web' }, outcome: 'denied' });
});

t.test('an Authorization header is one token, or it is refused', async (t) => {
  const token = await house.tenant('team-a');
  const other = await house.tenant('team-b');
  const refused: Record<string, readonly string[]> = {
    'no scheme': [`Authorization: ${token}`],
    'another scheme': [`Authorization: Basic ${Buffer.from(`x:${token}`).toString('base64')}`],
    'two tokens': [`Authorization: Bearer ${token} ${other}`],
    'two tokens and a comma': [`Authorization: Bearer ${token},${other}`],
    'two tokens and a comma and the scheme': [`Authorization: Bearer ${token}, Bearer ${other}`],
    'white space within': [`Authorization: Bearer ${token.slice(0, 20)} ${token.slice(20)}`],
    'a tab for a space': [`Authorization: Bearer\t${token}`],
    'a no-break space': [`Authorization: Bearer \xa0${token}`],
    'bytes beyond ASCII': [`Authorization: Bearer ${token}\xe9`],
    'in quotes': [`Authorization: Bearer "${token}"`],
    'nothing behind the scheme': ['Authorization: Bearer'],
    'nothing at all': ['Authorization:'],
    huge: [`Authorization: Bearer ${token.split('.')[0]}.${'A'.repeat(17_000)}.AAAA`],
  };
  for (const [what, headers] of Object.entries(refused)) {
    const answer = await house.ask(TARGET, { headers });
    t.match([answer.status, answer.json()], [401, { reason: /bad-credentials|no-credentials/ }], what);
  }
  for (const headers of [
    [`Authorization: Bearer ${token}`, `Authorization: Bearer ${other}`],
    [`Authorization: Bearer ${token}`, `AUTHORIZATION: Bearer ${token}`],
    ['Authorization: Bearer x', `authorization: Bearer ${token}`],
  ]) {
    t.equal((await house.ask(TARGET, { headers })).status, 400, 'several headers');
  }
  // What only looks like the header is none.
  for (const headers of [
    [`Authorization\x00: Bearer ${token}`],
    [`Authorization : Bearer ${token}`],
    [`X: y\rAuthorization: Bearer ${token}`],
    [`X: y\nAuthorization: Bearer ${token}`],
    ['X: y', ` Authorization: Bearer ${token}`],
  ]) {
    t.equal((await house.ask(TARGET, { headers })).status, 400, JSON.stringify(headers).slice(0, 40));
  }
  for (const headers of [
    [`Proxy-Authorization: Bearer ${token}`],
    [`X-Forwarded-Authorization: Bearer ${token}`],
    [`X-Authorization: Bearer ${token}`],
    [`Cookie: authorization=${token}`],
    [`Sec-WebSocket-Protocol: bearer, ${token}`],
  ]) {
    t.match(
      (await house.ask(TARGET, { headers })).json(),
      { reason: 'no-credentials' },
      String(headers[0]).slice(0, 24),
    );
  }
  for (const query of [`?access_token=${token}`, `?token=${token}`, `?authorization=Bearer+${token}`]) {
    t.equal((await house.ask(`${TARGET}${query}`)).status, 401, 'a token in the query');
  }
  const { service } = house;
  t.equal((await house.ask(TARGET, { token })).status, 200, 'and the service goes on');
  t.notMatch(service.stdout + service.stderr, token.split('.')[2], 'no signature stands in log or trail');
});
