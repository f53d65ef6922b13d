import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import t, { type Test } from 'tap';
import type { SecretSource } from '../../src/core/secret-reference.ts';
import { parseKmsUri, parseStorageUri } from '../../src/core/uri.ts';
import { openKek, openStore } from '../../src/providers/open.ts';
import { recordedSecrets } from '../support/recorded-secrets.ts';
import { testAmbient, testCall } from '../support/services.ts';

const KEY = Buffer.alloc(32, 7);
const SALT = Buffer.alloc(32, 9);
const { random } = testAmbient();
const source = (over: Partial<SecretSource> = {}): SecretSource => ({
  env: {},
  readFile: (path) => readFileSync(path),
  ...over,
});

async function open(t: Test, uri: string, secrets: SecretSource = source()) {
  const opened = await openKek(parseKmsUri(uri), { random, secrets });
  t.teardown(() => opened.kek.close());
  return opened;
}

t.test('the cluster KEK is sealed when the URI gives none', async (t) => {
  const { kek, deriving, custody } = await open(t, 'kms://cluster-kms');
  t.equal(custody?.info(), undefined);
  t.not(deriving, undefined);
  await t.rejects(kek.check(testCall()), { reason: 'sealed', message: /no KEK yet/ });
});

t.test('the same KEK comes out of the URI, the environment and files', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'keystead-open-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'mastersecret'), KEY);
  writeFileSync(join(dir, 'salt'), SALT);
  const opened = [
    await open(t, `kms://cluster-kms?key=${KEY.toString('base64url')}&salt=${SALT.toString('base64url')}`),
    await open(t, `kms://cluster-kms?key=file://${dir}/mastersecret&salt=file://${dir}/salt&mode=wrap`),
    await open(t, 'kms://cluster-kms?key=env://K&salt=env://S', source({ env: { K: `${KEY}`, S: `${SALT}` } })),
  ];
  const fingerprints = opened.map(({ custody }) => custody?.info()?.fingerprint);
  t.match(fingerprints[0], /^[0-9a-f]{32}$/);
  t.same(fingerprints, [fingerprints[0], fingerprints[0], fingerprints[0]]);
  for (const { kek } of opened) await kek.check(testCall());
});

t.test('the secrets of the URI are wiped once the KEK has them, or has refused them', async (t) => {
  const salt = SALT.toString('base64url');
  for (const key of [salt, 'AAAA']) {
    const uri = parseKmsUri(`kms://cluster-kms?key=${key}&salt=${salt}`);
    const made = recordedSecrets(t);
    const opening = openKek(uri, { random, secrets: source() });
    await opening.catch(() => {});
    t.ok(made.length >= 2);
    t.ok(made.slice(0, 2).every((secret) => secret.disposed));
  }
});

t.test('a line break at the end of a key file is a part of the key', async (t) => {
  const salt = `salt=${SALT.toString('base64url')}`;
  const info = async (key: Buffer) => {
    const { custody } = await open(
      t,
      `kms://cluster-kms?key=file:///key&${salt}`,
      source({ readFile: () => Buffer.from(key) }),
    );
    return custody?.info()?.fingerprint;
  };
  t.not(await info(KEY), await info(Buffer.concat([KEY, Buffer.from('\n')])));
});

t.test('a KEK that is too short, missing or half given is refused', async (t) => {
  const salt = SALT.toString('base64url');
  await t.rejects(open(t, `kms://cluster-kms?key=AAAA&salt=${salt}`), {
    reason: 'bad-master-secret',
    message: /3 bytes long/,
  });
  await t.rejects(open(t, `kms://cluster-kms?key=${salt}&salt=AAAA`), { reason: 'bad-salt', message: /3 bytes long/ });
  await t.rejects(open(t, `kms://cluster-kms?key=file:///nowhere/at/all&salt=${salt}`), {
    reason: 'no-file',
    message: /: key \(file:\/\/\/nowhere\/at\/all\): the file is not there/,
  });
  const uri = parseKmsUri(`kms://cluster-kms?key=${salt}&salt=${salt}`);
  const { salt: _, ...half } = uri as Extract<typeof uri, { provider: 'cluster-kms' }>;
  await t.rejects(openKek(half, { random, secrets: source() }), {
    reason: 'bad-uri',
    message: /together or not at all/,
  });
});

t.test('the KEK of the URI is asked about before it is taken', async (t) => {
  const salt = SALT.toString('base64url');
  const asked: string[] = [];
  await t.rejects(
    openKek(parseKmsUri(`kms://cluster-kms?key=${salt}&salt=${salt}`), {
      random,
      secrets: source(),
      accept: async ({ fingerprint }) => {
        asked.push(fingerprint);
        throw new RangeError('not this one');
      },
    }),
    { message: 'not this one' },
  );
  t.equal(asked.length, 1);
});

t.test('the doors of Azure are opened without a call', async (t) => {
  const query = 'vaultName=v&vaultType=vault.azure.net&keyName=k';
  const { kek, deriving, custody } = await open(t, `kms://azure?${query}&endpoint=https://127.0.0.1:1`);
  t.same([kek.uri, deriving, custody], [`kms://azure?${query}`, undefined, undefined]);
  const store = await openStore(parseStorageUri('storage://azure?account=abc&container=abc'), { secrets: source() });
  t.teardown(() => store?.close());
  t.equal(store?.uri, 'storage://azure?account=abc&container=abc');
});

t.test('the doors of AWS are opened without a call', async (t) => {
  const { kek, deriving, custody } = await open(t, 'kms://aws?region=r&keyName=k&endpoint=http://127.0.0.1:1');
  t.same([kek.uri, deriving, custody], ['kms://aws?region=r&keyName=k', undefined, undefined]);
  const store = await openStore(parseStorageUri('storage://aws?bucket=abc'), { secrets: source() });
  t.teardown(() => store?.close());
  t.equal(store?.uri, 'storage://aws?bucket=abc');
});

t.test('the memory store is opened, and no-store is none', async (t) => {
  const store = await openStore(parseStorageUri('storage://memory'), { secrets: source() });
  t.teardown(() => store?.close());
  t.equal(store?.uri, 'storage://memory');
  t.equal(await store?.create('a', Uint8Array.of(1), testCall()), true);
  const other = await openStore(parseStorageUri('storage://memory'), { secrets: source() });
  t.equal(await other?.read('a', testCall()), undefined, 'each opening is a store of its own');
  t.equal(await openStore(parseStorageUri('storage://no-store'), { secrets: source() }), undefined);
});

t.test('a door that nobody asks for is not loaded', async (t) => {
  const root = normalize(join(import.meta.dirname, '../..'));
  const script = `
    import { registerHooks } from 'node:module';
    registerHooks({ load: (url, context, next) => (console.log(url), next(url, context)) });
    const { openStore } = await import('./src/providers/open.ts');
    await openStore({ scheme: 'storage', provider: 'memory' }, {});
  `;
  const loaded = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root, encoding: 'utf8' });
  t.match(loaded, /providers\/memory\/store\.ts/);
  t.notMatch(loaded, /providers\/(cluster|aws|gcp|azure)\//);
});
