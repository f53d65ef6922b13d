import { hash } from 'node:crypto';
import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readSmallFile } from '../../src/config/read-small-file.ts';
import type { Credentials } from '../../src/core/authenticator.ts';
import { openAuth } from '../../src/wiring/auth.ts';
import { openIssuer, signed, signingKey } from '../auth/support/issuer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testAmbient, testCall, testConfig, testServices } from '../support/services.ts';

const ADMIN = 'correct-horse-battery';
const REFUSED = { name: 'KeysteadError', reason: 'bad-credentials' } as const;

const token = (name: string, secret: string) => `
  - { name: ${name}, kind: token, tokens: [{ name: ${name}, sha256: ${hash('sha256', secret)} }] }`;
const file = (...entries: string[]) => `version: 1\nauthenticators:${entries.join('')}\n`;

/** A keeper over a folder with an admin token and an auth file. */
async function scene(t: Test, auth: string, more: { dev?: boolean; failedLogins?: number } = {}) {
  const clock = new FakeClock();
  const dir = t.testdir({ admin: ADMIN, 'auth.yaml': auth });
  const path = join(dir, 'auth.yaml');
  const config = testConfig({
    dev: more.dev ?? false,
    admin: { tokenFile: join(dir, 'admin') },
    auth: { file: path },
    limits: { failedLogins: more.failedLogins ?? 0 },
  });
  const logged: string[] = [];
  const write = (_fields: object, message: string) => void logged.push(message);
  const log = { info: write, warn: write, error: write };
  const keeper = await openAuth(config, { ...testAmbient(), clock, readFile: readSmallFile, log });
  t.teardown(() => keeper.close());
  const ask = (bearer: string, over: Partial<Credentials> = {}) =>
    keeper.authenticate({ listener: 'http', authorization: `Bearer ${bearer}`, ...over });
  /** Lets the watcher look. */
  const look = async (times = 2) => {
    for (let n = 0; n < times; n++) {
      await clock.advance(1000);
      while (clock.sleepersWithin(1000) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { clock, config, dir, path, logged, keeper, ask, look };
}

t.test('a changed file lets new callers in and shuts old ones out, remembered or not', async (t) => {
  const { path, logged, keeper, ask, look } = await scene(t, file(token('old', 'kst_old')));
  t.match(await ask('kst_old'), { name: 'old' });
  await t.rejects(ask('kst_new'), REFUSED);
  writeFileSync(path, file(token('new', 'kst_new')));
  await look();
  t.match(await ask('kst_new'), { name: 'new' });
  await t.rejects(ask('kst_old'), REFUSED);
  t.match(await ask(ADMIN), { name: 'admin' });
  t.same(logged, ['the auth file was read anew']);
  t.match(keeper.status(), { authenticators: 1, sha256: hash('sha256', file(token('new', 'kst_new'))) });
});

t.test('a file that is swapped as Kubernetes swaps a mounted ConfigMap is read', async (t) => {
  const { dir, path, ask, look } = await scene(t, file(token('a', 'kst_a')));
  const version = (name: string, text: string) => {
    mkdirSync(join(dir, name));
    writeFileSync(join(dir, name, 'auth.yaml'), text);
    symlinkSync(name, join(dir, '..tmp'));
    renameSync(join(dir, '..tmp'), join(dir, '..data'));
  };
  version('..1', file(token('b', 'kst_b')));
  unlinkSync(path);
  symlinkSync(join('..data', 'auth.yaml'), path);
  await look();
  t.match(await ask('kst_b'), { name: 'b' });
  version('..2', file(token('c', 'kst_c')));
  await look();
  t.match(await ask('kst_c'), { name: 'c' });
});

t.test('a broken file leaves the former one in force, and says so until it is whole again', async (t) => {
  const whole = file(token('a', 'kst_a'));
  const { path, logged, keeper, ask, look } = await scene(t, whole);
  for (const [broken, problem] of [
    ['version: 1\nauthenticator: []\n', /is not valid/],
    ['{', /is not valid/],
    ['', /is not valid/],
  ] as const) {
    writeFileSync(path, broken);
    await look();
    t.equal(keeper.failed, true, broken);
    t.match(keeper.status(), { problem, authenticators: 1 });
    t.match(await ask('kst_a'), { name: 'a' });
    t.equal(logged.pop(), 'the auth file stays as it was');
  }
  t.notMatch(keeper.status()?.problem, /authenticator: |line/, 'anybody may read the status');
  unlinkSync(path);
  await look();
  t.match(keeper.status(), { problem: /is not there/ });
  writeFileSync(path, whole);
  await look();
  t.equal(keeper.failed, false);
  t.equal(keeper.status()?.problem, undefined);
});

t.test('a reload reads token and file at once, and says what has changed', async (t) => {
  const { config, dir, path, keeper, ask } = await scene(t, file(token('a', 'kst_a')));
  t.same(await keeper.reload(config), []);
  writeFileSync(join(dir, 'admin'), 'another-horse-battery');
  t.same(await keeper.reload(config), ['admin token']);
  await t.rejects(ask(ADMIN), REFUSED);
  t.match(await ask('another-horse-battery'), { name: 'admin' });
  writeFileSync(path, file(token('b', 'kst_b')));
  t.same(await keeper.reload(config), ['auth file']);
  t.match(await ask('kst_b'), { name: 'b' });
  writeFileSync(path, '{');
  t.same(await keeper.reload(config), []);
  t.equal(keeper.failed, true);
  t.match(await ask('kst_b'), { name: 'b' });
  writeFileSync(join(dir, 'admin'), 'short');
  await t.rejects(keeper.reload(config), { name: 'KeysteadError', reason: 'bad-config' });
  t.match(await ask('another-horse-battery'), { name: 'admin' }, 'the former one stays');
});

t.test('a reload may name another file, or none', async (t) => {
  const { config, dir, keeper, ask, look } = await scene(t, file(token('a', 'kst_a')));
  const other = join(dir, 'other.yaml');
  writeFileSync(other, file(token('b', 'kst_b')));
  t.same(await keeper.reload({ ...config, auth: { file: other } }), ['auth file']);
  t.match(await ask('kst_b'), { name: 'b' });
  writeFileSync(other, file(token('c', 'kst_c')));
  await look();
  t.match(await ask('kst_c'), { name: 'c' }, 'it is watched');
  t.same(await keeper.reload({ ...config, auth: {} }), ['auth file']);
  t.equal(keeper.status(), undefined);
  await t.rejects(ask('kst_c'), REFUSED);
});

t.test('a reload while an issuer is away shuts nobody out', async (t) => {
  const issuer = await openIssuer(t);
  const key = signingKey('k');
  issuer.keys = [key];
  const corp = `\n  - { name: corp, kind: oidc, issuer: "${issuer.url}", audiences: [keystead] }`;
  const { clock, path, ask, look, logged } = await scene(t, file(corp));
  const jwt = await signed(key, { iss: issuer.url, aud: 'keystead', sub: 'alice' }, clock.now().getTime());
  t.match(await ask(jwt), { name: 'corp:alice' });
  issuer.answer = (request) => request.socket.destroy();
  writeFileSync(path, file(corp, token('a', 'kst_a')));
  await look();
  t.match(await ask('kst_a'), { name: 'a' });
  t.match(await ask(jwt), { name: 'corp:alice' });
  await clock.advance(300_000);
  t.match(await ask(jwt), { name: 'corp:alice' }, 'within the time declared');
  t.equal(logged.at(-1), 'the keys of an issuer cannot be fetched');
});

t.test('who is locked out stays so over a reload', async (t) => {
  const { config, keeper, ask } = await scene(t, file(token('a', 'kst_a')), { failedLogins: 2 });
  const from = { source: '10.0.0.1' };
  for (const guess of ['x', 'y']) await t.rejects(ask(guess, from), REFUSED);
  await keeper.reload(config);
  await t.rejects(ask('kst_a', from), { name: 'KeysteadError', reason: 'too-many-requests' });
});

t.test('what lets everybody in, or makes two callers one, is told at start', async (t) => {
  const cluster = (name: string) =>
    `\n  - { name: ${name}, kind: service-account, issuer: "https://${name}", audiences: [keystead] }`;
  const anonymous = '\n  - { name: nodes, kind: anonymous, listeners: [grpc] }';
  const mesh = '\n  - { name: mesh, kind: certificate, by: dns }';
  const { logged, keeper } = await scene(t, file(cluster('one'), mesh, cluster('two'), anonymous));
  t.match(logged, [
    /^nodes lets everybody in without credentials on grpc: whoever reaches it gets what the policy allows/,
    /^mesh knows callers by client certificates, and none is asked for; give tls\.clientCaFile/,
    /^one and two let ServiceAccounts of several clusters in: accounts of one namespace and name are one caller/,
  ]);
  t.match(await keeper.authenticate({ listener: 'grpc' }), { kind: 'anonymous' });
});

t.test('a development server knows everybody, and says that the file has no effect', async (t) => {
  const { config, keeper, logged, ask } = await scene(t, file(token('a', 'kst_a')), { dev: true });
  t.match(await ask('whatever'), { kind: 'local' });
  t.match(logged, [/auth\.file has no effect/]);
  t.same(await keeper.reload(config), []);
});

t.test('a service does not start with a file that is broken or missing', async (t) => {
  await t.rejects(scene(t, 'version: 1'), {
    name: 'KeysteadError',
    reason: 'bad-config',
    message: /auth\.yaml is not valid/,
  });
  const config = { dev: false, auth: { file: '/missing' } };
  await t.rejects(testServices(t, config), {
    name: 'KeysteadError',
    reason: 'no-file',
    message: /\/missing is not there/,
  });
});

t.test('the status tells of the file, and callers are known with it alone', async (t) => {
  const dir = t.testdir({ 'auth.yaml': file(token('a', 'kst_a')) });
  const services = await testServices(t, { dev: false, auth: { file: join(dir, 'auth.yaml') } });
  t.equal(services.noCredentials, false);
  t.match(await services.authenticate({ listener: 'grpc', authorization: 'Bearer kst_a' }), { name: 'a' });
  t.match((await services.system.status(testCall())).auth, { authenticators: 1, sha256: /^[0-9a-f]{64}$/ });
});
