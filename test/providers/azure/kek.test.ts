import t from 'tap';
import { dataKeyContext } from '../../../src/core/context.ts';
import { lengthPrefixedParts } from '../../../src/core/encoding.ts';
import { KeysteadError } from '../../../src/core/errors.ts';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import { openAzureKek } from '../../../src/providers/azure/kek.ts';
import { kekSuite, type TwoKeks } from '../../conformance/kek.ts';
import { failure } from '../../support/failure.ts';
import { recordedSecrets } from '../../support/recorded-secrets.ts';
import { testAmbient, testCall } from '../../support/services.ts';
import {
  azureEmulators,
  deadAddress,
  hsmQuery,
  keyAdmin,
  openTestKek,
  secrets,
  stubVault,
  unique,
  vaultQuery,
} from './azure.ts';

const call = testCall();
const context = dataKeyContext('pvc-1', 1, 32);
const key = () => SecretBytes.own(new Uint8Array(32).fill(7));

t.test('on the emulators', async (t) => {
  const env = await azureEmulators(t, ['oidc', 'azure-keyvault']);
  if (env === undefined) return;
  const [at, hsmAt] = [vaultQuery(env), hsmQuery(env)];
  const admin = keyAdmin(env['AZURE_KEYVAULT_URL'] as string);
  const hsm = keyAdmin(env['AZURE_MANAGEDHSM_URL'] as string);
  const rsaKey = async () => (await admin.createRsaKey(unique('kek'))).name;
  const aesKey = async (keySize = 256) => (await hsm.createOctKey(unique('kek'), { hsm: true, keySize })).name;

  // RSA keys of 2048 bits take a second each on a busy machine: two do for all.
  const [one, two] = [await rsaKey(), await rsaKey()];
  const openTwo = async (t: Parameters<typeof openTestKek>[0]): Promise<TwoKeks> => ({
    kek: await openTestKek(t, { ...at, keyName: one }),
    other: await openTestKek(t, { ...at, keyName: two }),
  });
  t.test('an RSA key of a vault keeps the contract', async (t) => kekSuite(t, openTwo));
  t.test('an AES key of a Managed HSM keeps the contract', async (t) => {
    kekSuite(t, async (t) => ({
      kek: await openTestKek(t, { ...hsmAt, keyName: await aesKey() }),
      other: await openTestKek(t, { ...hsmAt, keyName: await aesKey() }),
    }));
  });

  t.test('an HSM’s key is wrapped with by what it is, and a short AES key by the algorithm of the URI', async (t) => {
    const rsa = (await hsm.createRsaKey(unique('kek'), { hsm: true })).name;
    const cases = [
      [{ ...hsmAt, keyName: await aesKey() }, 'azure-a256kw+aes-256-gcm'],
      [{ ...hsmAt, keyName: rsa }, 'azure-rsa-oaep-256+aes-256-gcm'],
      [{ ...hsmAt, keyName: await aesKey(192), algorithm: 'A192KW' }, 'azure-a192kw+aes-256-gcm'],
      [{ ...hsmAt, keyName: await aesKey(128), algorithm: 'A128KW' }, 'azure-a128kw+aes-256-gcm'],
    ] as const;
    for (const [query, algorithm] of cases) {
      const kek = await openTestKek(t, query);
      const wrapped = await kek.wrap(key(), context, call);
      t.equal(wrapped.algorithm, algorithm);
      await kek.check(call);
      const again = await openTestKek(t, { ...query, algorithm: 'RSA-OAEP-256' });
      t.ok((await again.unwrap(wrapped, context, call)).equals(key()), 'the record says how, not the URI');
    }
  });

  t.test('after a rotation the new version wraps and is named, and the old one still unwraps', async (t) => {
    const keyName = await aesKey();
    const first = await hsm.getKey(keyName);
    const kek = await openTestKek(t, { ...hsmAt, keyName });
    const old = await kek.wrap(key(), context, call);
    t.equal(old.version, first.id);
    const second = await hsm.rotateKey(keyName);
    const fresh = await kek.wrap(key(), context, call);
    t.equal(fresh.version, second.id, 'in the process that had used the old one');
    const later = await openTestKek(t, { ...hsmAt, keyName });
    for (const opening of [kek, later]) {
      for (const wrapped of [old, fresh]) t.ok((await opening.unwrap(wrapped, context, call)).equals(key()));
    }
    await t.rejects(kek.unwrap({ ...old, version: fresh.version }, context, call), failure('context-mismatch'));

    const pinned = await openTestKek(t, { ...hsmAt, keyName, keyVersion: first.properties.version as string });
    t.equal((await pinned.wrap(key(), context, call)).version, first.id, 'keyVersion keeps wrapping with the old one');
    t.ok((await pinned.unwrap(fresh, context, call)).equals(key()));
    await pinned.check(call);
  });
  t.test('a disabled key neither wraps nor unwraps, and both again when it is enabled', async (t) => {
    const { name } = await admin.createRsaKey(unique('kek'));
    const kek = await openTestKek(t, { ...at, keyName: name });
    const wrapped = await kek.wrap(key(), context, call);
    await admin.updateKeyProperties(name, { enabled: false });
    await t.rejects(kek.wrap(key(), context, call), failure('key-stopped', new RegExp(name)));
    await t.rejects(kek.unwrap(wrapped, context, call), failure('key-stopped', new RegExp(name)));
    await t.rejects(kek.check(call), failure('key-stopped', new RegExp(name)));
    await admin.updateKeyProperties(name, { enabled: true });
    t.ok((await kek.unwrap(wrapped, context, call)).equals(key()));
    await kek.check(call);

    await admin.updateKeyProperties(name, { expiresOn: new Date(Date.now() - 60_000) });
    await t.rejects(kek.wrap(key(), context, call), failure('key-stopped', /expired/));
    await t.rejects(kek.check(call), failure('key-stopped', /expired/));
    const later = await openTestKek(t, { ...at, keyName: name });
    t.ok((await later.unwrap(wrapped, context, call)).equals(key()), 'an expired key still unwraps');

    await admin.beginDeleteKey(name);
    await t.rejects(kek.check(call), failure('key-pending-deletion', /recover/));
    await t.rejects(kek.wrap(key(), context, call), failure('no-kek'));
  });
  t.test('check says what is wrong with a key', async (t) => {
    const signing = await admin.createRsaKey(unique('kek'), { keyOps: ['sign', 'verify', 'wrapKey'] });
    const cases = [
      [{ ...at, keyName: unique('none') }, 'no-kek', /keyName/],
      [{ ...at, keyName: signing.name }, 'wrong-key-type', /does not allow unwrapKey/],
      [{ ...at, keyName: one, algorithm: 'A256KW' }, 'wrong-key-type', /type RSA/],
      [{ ...hsmAt, keyName: await aesKey(), algorithm: 'RSA-OAEP-256' }, 'wrong-key-type', /type oct-HSM/],
      [{ ...hsmAt, keyName: await aesKey(128) }, 'wrong-key-type', /algorithm=/],
      [{ ...at, keyName: one, keyVersion: '0'.repeat(32) }, 'no-kek', /keyVersion/],
      [{ ...at, keyName: one, clientID: 'no-access' }, 'provider-denied', /roles/],
    ] as const;
    for (const [query, reason, message] of cases) {
      const kek = await openTestKek(t, query);
      await t.rejects(kek.check(call), failure(reason, message));
      await t.rejects(kek.check(call), failure(reason, new RegExp(query.keyName)), 'and names the key');
    }
  });
  t.test('an HSM’s key that cannot wrap is refused before it is tried', async (t) => {
    const kek = await openTestKek(t, { ...hsmAt, keyName: unique('none') });
    await t.rejects(kek.wrap(key(), context, call), failure('no-kek'));
  });
  t.test('RSA-OAEP is refused, because it would not run in the vault', async (t) => {
    await t.rejects(openTestKek(t, { ...at, keyName: one, algorithm: 'RSA-OAEP' }), failure('bad-uri', /algorithm/));
    const uri = {
      scheme: 'kms',
      provider: 'azure',
      vaultName: 'v',
      vaultType: 'vault.azure.net',
      keyName: 'k',
    } as const;
    const algorithm = 'RSA-OAEP' as 'RSA-OAEP-256';
    await t.rejects(
      openAzureKek({ ...uri, algorithm }, { secrets, random: testAmbient().random }),
      failure('bad-uri', /disabled key would still wrap/),
    );
  });
  t.test('a content key alone opens without a context, as other tools wrap, and never for a data key', async (t) => {
    const { kek } = await openTwo(t);
    const wrapped = await kek.wrap(key(), context, call);
    const [bytes] = lengthPrefixedParts(wrapped.bytes) ?? [];
    const version = wrapped.version.split('/').at(-1) as string;
    const foreign = { ...wrapped, version, algorithm: 'RSA-OAEP-256', bytes: bytes as Uint8Array };
    t.equal((await kek.unwrap(foreign, {}, call)).length, 32);
    await t.rejects(kek.unwrap(foreign, context, call), { code: 'data_loss' });
  });
  t.test('what is not as this KEK wraps is not sent to the vault', async (t) => {
    const { kek, other } = await openTwo(t);
    const wrapped = await kek.wrap(key(), context, call);
    const corrupt = {
      'another algorithm': { ...wrapped, algorithm: 'RSA-OAEP' },
      'one part': { ...wrapped, bytes: Uint8Array.of(0, 0, 0, 0) },
      'no content key': { ...wrapped, bytes: Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0) },
      'too much': { ...wrapped, algorithm: 'RSA-OAEP-256', bytes: new Uint8Array(1025) },
    };
    for (const [what, record] of Object.entries(corrupt)) {
      const none = what === 'too much' ? {} : context;
      await t.rejects(kek.unwrap(record, none, call), failure('record-corrupt'), what);
    }
    const foreign = await other.wrap(key(), context, call);
    const names = [
      foreign.version,
      'https://example.org/keys/a/b',
      wrapped.version.replace(/127\.0\.0\.1/, 'evil'),
      '',
    ];
    for (const version of names) {
      await t.rejects(kek.unwrap({ ...wrapped, version }, context, call), failure('context-mismatch'), version);
    }
  });

  t.test('a vault that is away is said to be so', async (t) => {
    const kek = await openTestKek(t, { ...at, keyName: 'k', endpoint: await deadAddress() });
    await t.rejects(kek.check(call), failure('kms-unreachable', /refused/));
  });
  t.test('a vault that never answers costs the time limit, and the caller’s own end comes first', async (t) => {
    const endpoint = await stubVault(t, env, () => {});
    const kek = await openTestKek(t, { ...at, keyName: 'k', endpoint }, 1000);
    await t.rejects(kek.wrap(key(), context, call), failure('kms-timeout', /1000 ms/));
    const patient = await openTestKek(t, { ...at, keyName: 'k', endpoint }, 60_000);
    const gone = new AbortController();
    const wrapping = patient.wrap(key(), context, testCall({ signal: gone.signal }));
    gone.abort(new KeysteadError('client-gone', 'gone'));
    await t.rejects(wrapping, failure('client-gone'));
  });
  t.test('an answer for another key is not believed, and what it holds is wiped', async (t) => {
    let kid = 'https://emulated.vault.azure.net/keys/other/1';
    const value = Buffer.alloc(32).toString('base64url');
    const endpoint = await stubVault(t, env, (_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ kid, value }));
    });
    const kek = await openTestKek(t, { ...at, keyName: 'k', endpoint });
    const made = recordedSecrets(t);
    await t.rejects(kek.wrap(key(), context, call), failure('kms-bad-answer', /keys\/other/));
    const wrapped = { kek: kek.uri, version: '1', algorithm: 'RSA-OAEP-256', bytes: Uint8Array.of(1) };
    for (kid of ['https://emulated.vault.azure.net/keys/other/1', 'https://emulated.vault.azure.net/keys/k/2', '']) {
      await t.rejects(kek.unwrap(wrapped, {}, call), failure('kms-bad-answer', new RegExp(kid)));
    }
    t.equal(made.filter((secret) => !secret.disposed).length, 1, 'all but the key that was given');
    kid = 'https://EMULATED.vault.azure.net:443/keys/K/1';
    t.equal((await kek.unwrap(wrapped, {}, call)).length, 32, 'the vault’s own name, in any case, is believed');
  });
  t.test('a throttling vault is told of at once, with the time that it wants', async (t) => {
    let calls = 0;
    const endpoint = await stubVault(t, env, (_request, response) => {
      calls++;
      response.writeHead(429, { 'retry-after': '7', 'content-type': 'application/json' });
      response.end('{"error":{"code":"Throttled","message":"Request was not processed"}}');
    });
    const kek = await openTestKek(t, { ...at, keyName: 'k', endpoint });
    await t.rejects(kek.wrap(key(), context, call), { ...failure('provider-throttled'), retryAfter: 7 });
    t.equal(calls, 1);
  });
  t.test('a failing vault is tried again, and then said to fail, whatever it says', async (t) => {
    for (const body of ['', '<html>', '"text"', '{}', '{"error":null}', '{"error":{"code":"InternalServerError"}}']) {
      let calls = 0;
      const endpoint = await stubVault(t, env, (_request, response) => {
        calls++;
        response.writeHead(500, { 'content-type': 'application/json' }).end(body);
      });
      const kek = await openTestKek(t, { ...at, keyName: 'k', endpoint });
      await t.rejects(kek.wrap(key(), context, call), failure('kms-unreachable', /try again/), body);
      t.equal(calls, 3);
    }
  });
  t.test('what is called needs no more rights than the documented ones', async (t) => {
    const asked = new Set<string>();
    const given = new Map<string, string>();
    const endpoint = await stubVault(t, env, (request, response) => {
      const path = (request.url ?? '').replace(/\?.*/, '');
      asked.add(`${request.method} ${path}`);
      response.setHeader('content-type', 'application/json');
      const kid = `${endpoint}/keys/k/1`;
      const n = Buffer.alloc(256, 1).toString('base64url');
      if (request.method === 'GET') {
        const bundle = { kid, kty: 'RSA', key_ops: ['wrapKey', 'unwrapKey'], n, e: 'AQAB' };
        return void response.end(JSON.stringify({ key: bundle, attributes: { enabled: true } }));
      }
      let text = '';
      request.on('data', (chunk) => {
        text += chunk;
      });
      request.on('end', () => {
        const body = JSON.parse(text);
        t.equal(body.alg, 'RSA-OAEP-256');
        if (path.endsWith('/wrapkey')) given.set('d3JhcHBlZA', body.value);
        const answer = path.endsWith('/wrapkey') ? 'd3JhcHBlZA' : given.get(body.value);
        response.end(JSON.stringify({ kid, value: answer }));
      });
    });
    const kek = await openTestKek(t, { ...at, keyName: 'k', endpoint });
    await kek.check(call);
    const wrapped = await kek.wrap(key(), context, call);
    t.ok((await kek.unwrap(wrapped, context, call)).equals(key()));
    t.same([...asked].sort(), ['GET /keys/k/', 'POST /keys/k//wrapkey', 'POST /keys/k/1/unwrapkey']);
  });
});
