import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import t, { type Test } from 'tap';
import { readSmallFile } from '../../src/config/read-small-file.ts';
import type { DataKey } from '../../src/data-keys/data-keys.ts';
import { openAuth } from '../../src/wiring/auth.ts';
import { openPolicy } from '../../src/wiring/policy.ts';
import { accountClaims, openIssuer, publicJwk, signed, signingKey } from '../auth/support/issuer.ts';
import { KNOWN_KEK } from '../server/http/support.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testAmbient, testCall, testConfig, testServices } from '../support/services.ts';

/**
 * What changes while it is looked at: keys of an issuer, files of the service, rights of a caller. What was read is what
 * is checked and used; what was taken away counts no longer than is said; what is broken changes nothing.
 */

const AUDIENCE = 'keystead';
const REFUSED = { name: 'KeysteadError', reason: 'bad-credentials' } as const;
const quiet = { info() {}, warn() {}, error() {} };

/** Callers of one issuer on a clock that stands still; keys are fetched anew every 60 seconds. */
async function callers(t: Test) {
  const clock = new FakeClock();
  const issuer = await openIssuer(t);
  const key = signingKey('k1', 'RS256');
  issuer.keys = [key];
  const auth = (more: object = {}) =>
    JSON.stringify({
      version: 1,
      authenticators: [
        {
          name: 'it',
          kind: 'service-account',
          issuer: issuer.url,
          audiences: [AUDIENCE],
          refresh: 60,
          outage: 60,
          ...more,
        },
      ],
    });
  const path = join(t.testdir({ 'auth.yaml': auth() }), 'auth.yaml');
  const config = testConfig({ dev: false, auth: { file: path }, limits: { failedLogins: 0 } });
  const keeper = await openAuth(config, { ...testAmbient(), clock, readFile: readSmallFile, log: quiet });
  t.teardown(() => keeper.close());
  const ask = (token: string) => keeper.authenticate({ listener: 'http', authorization: `Bearer ${token}` });
  const token = (by = key, more: object = {}) =>
    signed(by, { ...accountClaims(issuer.url, AUDIENCE), ...more }, clock.now().getTime());
  const look = () => looks(clock);
  return { clock, issuer, key, auth, path, ask, token, look };
}

/** Lets a watcher look as often as it takes. */
async function looks(clock: FakeClock, times = 3): Promise<void> {
  for (let n = 0; n < times; n++) {
    await clock.advance(1000);
    while (clock.sleepersWithin(1000) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

t.test('a key that its issuer has withdrawn opens nothing after the next look, remembered or not', async (t) => {
  const { clock, issuer, ask, token } = await callers(t);
  const remembered = await token();
  t.match(await ask(remembered), { namespace: 'team-a' });
  issuer.keys = [signingKey('k2', 'RS256')];
  await clock.advance(59_999);
  await t.resolves(ask(remembered), 'as long as is said');
  await clock.advance(1);
  await t.rejects(ask(remembered), REFUSED);
  await t.rejects(ask(await token()), REFUSED);
});

t.test('a kid that is used again for another key, or another algorithm, is that other key', async (t) => {
  const { clock, issuer, key, ask, token } = await callers(t);
  const old = await token();
  await ask(old);
  for (const next of [signingKey('k1', 'RS256'), signingKey('k1', 'ES256'), signingKey('k1', 'EdDSA')]) {
    issuer.keys = [next];
    await clock.advance(60_000);
    t.match(await ask(await token(next)), { namespace: 'team-a' }, next.alg);
    await t.rejects(ask(await token(key)), REFUSED, 'the old one');
    const claims = { ...accountClaims(issuer.url, AUDIENCE), exp: clock.now().getTime() / 1000 + 60 };
    const confused = new SignJWT(claims).setProtectedHeader({ alg: 'PS256', kid: 'k1' }).sign(key.privateKey);
    await t.rejects(ask(await confused), REFUSED, 'under another algorithm');
  }
});

t.test('keys of an issuer that are no public keys for signatures are not used', async (t) => {
  const { issuer, key, ask, token, clock } = await callers(t);
  const secret = Buffer.from('a secret that is in the key set');
  const hs = async () => {
    const claims = { ...accountClaims(issuer.url, AUDIENCE), exp: clock.now().getTime() / 1000 + 60 };
    return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(secret);
  };
  const sets: Record<string, object[]> = {
    'a symmetric key': [{ kty: 'oct', k: secret.toString('base64url'), kid: 'k1', alg: 'HS256' }],
    'for encryption': [{ ...publicJwk(key), use: 'enc' }],
    'for other operations': [{ ...publicJwk(key), use: undefined, key_ops: ['encrypt'] }],
    'for another algorithm': [{ ...publicJwk(key), alg: 'RS512' }],
    'of no kind': [{ ...publicJwk(key), kty: 'rsa' }],
  };
  for (const [what, keys] of Object.entries(sets)) {
    issuer.answer = (request, response) => {
      const discovery = { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` };
      response.end(JSON.stringify(request.url === '/keys' ? { keys } : discovery));
    };
    await clock.advance(60_000);
    await t.rejects(ask(await token()), REFUSED, what);
    await t.rejects(ask(await hs()), REFUSED, `${what}, HS256`);
  }
});

t.test('whoever stands between the service and the issuer gives it no keys', async (t) => {
  const { clock, issuer, ask, token } = await callers(t);
  const mine = signingKey('mine', 'RS256');
  const evil = await openIssuer(t);
  evil.keys = [mine];
  await ask(await token());
  const answers: Record<string, NonNullable<typeof issuer.answer>> = {
    'a redirect': (_request, response) => response.writeHead(302, { location: `${evil.url}/keys` }).end(),
    'a discovery document of another issuer': (_request, response) =>
      response.end(JSON.stringify({ issuer: evil.url, jwks_uri: `${evil.url}/keys` })),
    'keys over plain HTTP': (_request, response) =>
      response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: 'http://keys.example.org/keys' })),
    'a file': (_request, response) =>
      response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: 'file:///etc/passwd' })),
    'no key set': (_request, response) => response.end('[]'),
    'a status of 500 with keys': (_request, response) =>
      response.writeHead(500).end(JSON.stringify({ keys: [publicJwk(mine)] })),
    'keys without end': (_request, response) => response.end(`{"keys":[${'0,'.repeat(200_000)}0]}`),
  };
  for (const [what, answer] of Object.entries(answers)) {
    issuer.answer = answer;
    await clock.advance(10_000);
    await t.rejects(ask(await token(mine)), { code: /unauthenticated|unavailable/ }, what);
  }
  t.same(evil.asked, [], 'nobody asked the other one');
});

t.test('a token is good again for nobody once it has expired, however often it was used', async (t) => {
  const { clock, ask, token } = await callers(t);
  const one = await token();
  for (let n = 0; n < 3; n++) await ask(one);
  // 600 seconds, and 30 for clocks that differ; the keys are looked at meanwhile.
  for (let n = 0; n < 10; n++) {
    await clock.advance(62_999);
    await t.resolves(ask(one));
  }
  await clock.advance(10);
  await t.rejects(ask(one), REFUSED);
});

t.test('a caller that was taken out of the file is out with the next look, with all that was remembered', async (t) => {
  const { ask, token, path, auth, look } = await callers(t);
  const one = await token();
  await ask(one);
  writeFileSync(`${path}.new`, auth({ audiences: ['somebody else'] }));
  renameSync(`${path}.new`, path);
  await look();
  await t.rejects(ask(one), REFUSED);
});

t.test(
  'a file that becomes a pipe, a folder, a device, half of itself or something huge changes nothing',
  async (t) => {
    const { ask, token, path, auth, look } = await callers(t);
    const whole = auth();
    const open = JSON.stringify({
      version: 1,
      authenticators: [{ name: 'x', kind: 'anonymous', listeners: ['http'] }],
    });
    const dir = join(path, '..');
    const changes: Record<string, () => void> = {
      'a pipe': () => execFileSync('mkfifo', [path]),
      'a folder': () => mkdirSync(path),
      'a device that never ends': () => symlinkSync('/dev/zero', path),
      'a link to itself': () => symlinkSync(path, path),
      'a link to nothing': () => symlinkSync(join(dir, 'nothing'), path),
      'a socket of nobody': () => symlinkSync('/proc/self/mem', path),
      nothing: () => {},
      'half of it': () => writeFileSync(path, whole.slice(0, whole.length / 2)),
      'an empty file': () => writeFileSync(path, ''),
      'two of them': () => writeFileSync(path, `${whole}\n---\n${open}\n`),
      'more than a megabyte': () => writeFileSync(path, `${open}${' '.repeat(1_100_000)}`),
      'no text': () => writeFileSync(path, Buffer.from([0xff, 0xfe, 0])),
    };
    for (const [what, change] of Object.entries(changes)) {
      execFileSync('rm', ['-rf', path]);
      change();
      await look();
      t.match(await ask(await token()), { namespace: 'team-a' }, what);
    }
    execFileSync('rm', ['-rf', path]);
    writeFileSync(path, auth({ audiences: ['another'] }));
    await look();
    await t.rejects(ask(await token()), REFUSED, 'and what is whole again counts again');
  },
);

t.test('a file is used as it was read, also when it is swapped behind the look', async (t) => {
  const clock = new FakeClock();
  const rule = (name: string, id: string) =>
    `version: 1\nrules:\n  - { name: ${name}, effect: allow, subjects: [{ names: ["**"] }], actions: [data-key.get], resources: [${id}] }\n`;
  const dir = t.testdir({ a: rule('a', 'one'), b: rule('b', 'two') });
  const path = join(dir, 'policy');
  symlinkSync('a', path);
  const policy = await openPolicy(path, { clock, log: quiet, decision: () => {} });
  t.teardown(() => policy.close());
  const decides = (resource: string) =>
    policy.decide({
      principal: { kind: 'token', name: 'ci', groups: [] },
      action: 'data-key.get',
      resource,
      scope: 'id',
      listener: 'http',
      time: clock.now(),
    }).allowed;
  const swap = (to: string) => {
    symlinkSync(to, `${path}.new`);
    renameSync(`${path}.new`, path);
  };
  for (const [to, own, other] of [
    ['b', 'two', 'one'],
    ['a', 'one', 'two'],
  ] as const) {
    swap(to);
    await looks(clock);
    t.same([decides(own), decides(other)], [true, false], to);
    t.equal(policy.status()?.sha256, hash('sha256', readFileSync(join(dir, to))), 'the status tells which is in force');
  }
  // Swapped to and fro between the looks: never half of the one and half of the other.
  for (let n = 0; n < 20; n++) {
    swap(n % 2 === 0 ? 'b' : 'a');
    await clock.advance(500);
    t.not(decides('one'), decides('two'));
  }
  unlinkSync(path);
  await looks(clock);
  t.not(decides('one'), decides('two'), 'and gone, the last one counts');
});

t.test(
  'a right that is taken away while a call is under way: the call ends as it began, the next one is refused',
  async (t) => {
    const rules = (actions: string) =>
      `version: 1\nrules:\n  - { name: a, effect: allow, subjects: [{ names: [ci] }], actions: [${actions}], resources: ["**"] }\n`;
    const path = join(t.testdir({ 'policy.yaml': rules('data-key.get, data-key.create') }), 'policy.yaml');
    const clock = new FakeClock();
    const config = { ...KNOWN_KEK, kms: `${KNOWN_KEK.kms}&mode=wrap`, dev: false, policy: { file: path } };
    const services = await testServices(t, config, { clock });
    const call = testCall({ principal: { kind: 'token', name: 'ci', groups: [] }, listener: 'http' });
    const get = (id: string): Promise<DataKey> => services.dataKeys.get({ id, length: 32, create: 'if-missing' }, call);
    const underWay = get('one');
    writeFileSync(path, rules('data-key.list'));
    t.same(await services.reload(testConfig(config)), ['policy'], 'it is in force');
    t.match(await underWay, { created: true });
    await t.rejects(get('one'), { name: 'KeysteadError', reason: 'policy' });
    await t.rejects(get('two'), { name: 'KeysteadError', reason: 'policy' });
  },
);
