import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { type Context, contextBytes, dataKeyContext } from '../../../src/core/context.ts';
import type { Kek } from '../../../src/core/kek.ts';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import type { KmsUriOf } from '../../../src/core/uri-schemas.ts';
import { crc32c } from '../../../src/providers/gcp/crc32c.ts';
import { type GcpKekDeps, openGcpKek } from '../../../src/providers/gcp/kek.ts';
import { kekSuite } from '../../conformance/kek.ts';
import { emulators } from '../../support/emulators.ts';
import { failure } from '../../support/failure.ts';
import { freePort } from '../../support/free-port.ts';
import { testCall } from '../../support/services.ts';
import { documentedPermissions, fakeKms, hangingServer, kmsAdmin, random, secrets, status } from './fakes.ts';

const call = testCall();
const context = dataKeyContext('pvc-1', 1, 32);
const NAME = 'projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k';

async function openKek(t: Test, over: Partial<KmsUriOf<'gcp'>>, deps: Partial<GcpKekDeps> = {}): Promise<Kek> {
  const place = { projectID: 'p', location: 'europe-west3', keyRing: 'r', keyName: 'k' };
  const kek = await openGcpKek({ scheme: 'kms', provider: 'gcp', ...place, ...over }, { secrets, random, ...deps });
  t.teardown(() => kek.close());
  return kek;
}

function newKey(length = 32): SecretBytes {
  return SecretBytes.own(Uint8Array.from(randomBytes(length)));
}

t.test('on the emulator', async (t) => {
  const env = await emulators(t, ['gcp-kms']);
  if (env === undefined) return;
  const address = env['GCP_KMS_ENDPOINT'] ?? '';
  const endpoint = `http://${address}`;
  const admin = kmsAdmin(t, address);
  const newKek = async (t: Test, keyName = 'kek', more: object = {}) => {
    const keyRing = `ring-${randomBytes(8).toString('hex')}`;
    const parent = 'projects/p/locations/europe-west3';
    await admin.createKeyRing({ parent, keyRingId: keyRing, keyRing: {} });
    const ring = `${parent}/keyRings/${keyRing}`;
    await admin.createCryptoKey({
      parent: ring,
      cryptoKeyId: keyName,
      cryptoKey: { purpose: 'ENCRYPT_DECRYPT', ...more },
    });
    return { kek: await openKek(t, { keyRing, keyName, endpoint }), name: `${ring}/cryptoKeys/${keyName}`, keyRing };
  };
  const setState = (name: string, state: 'ENABLED' | 'DISABLED') =>
    admin.updateCryptoKeyVersion({ cryptoKeyVersion: { name, state }, updateMask: { paths: ['state'] } });

  kekSuite(t, async (t) => ({ kek: (await newKek(t)).kek, other: (await newKek(t)).kek }));

  t.test('the context travels as additional authenticated data, in its canonical bytes', async (t) => {
    const { kek, name } = await newKek(t);
    const key = newKey();
    const wrapped = await kek.wrap(key, context, call);
    const additionalAuthenticatedData = contextBytes(context);
    const [opened] = await admin.decrypt({ name, ciphertext: wrapped.bytes, additionalAuthenticatedData });
    t.same(Buffer.from(opened.plaintext as Uint8Array), Buffer.from(key.expose()));
    await t.rejects(admin.decrypt({ name, ciphertext: wrapped.bytes }), { code: 3 });
  });

  t.test('an empty context is no associated data, so what other tools wrapped opens', async (t) => {
    const { kek, name } = await newKek(t);
    const [{ ciphertext }] = await admin.encrypt({ name, plaintext: Buffer.from('another tool') });
    const bytes = ciphertext as Uint8Array;
    const opened = await kek.unwrap({ kek: kek.uri, version: '1', algorithm: 'gcp-kms', bytes }, {}, call);
    t.equal(Buffer.from(opened.expose()).toString(), 'another tool');
  });

  t.test('the version that wrapped is named, and old versions still open after a rotation', async (t) => {
    const { kek, name } = await newKek(t);
    const key = newKey();
    const one = await kek.wrap(key, context, call);
    await admin.createCryptoKeyVersion({ parent: name, cryptoKeyVersion: {} });
    await admin.updateCryptoKeyPrimaryVersion({ name, cryptoKeyVersionId: '2' });
    const two = await kek.wrap(key, context, call);
    t.same([one.version, two.version], ['1', '2']);
    t.ok((await kek.unwrap(one, context, call)).equals(key));
  });

  t.test('a disabled key neither wraps nor unwraps, and works again once it is enabled', async (t) => {
    const { kek, name } = await newKek(t);
    const wrapped = await kek.wrap(newKey(), context, call);
    await setState(`${name}/cryptoKeyVersions/1`, 'DISABLED');
    await t.rejects(kek.wrap(newKey(), context, call), failure('key-stopped', /enable/));
    await t.rejects(kek.unwrap(wrapped, context, call), failure('key-stopped', /enable/));
    await t.rejects(kek.check(call), failure('key-stopped', /enable/));
    await setState(`${name}/cryptoKeyVersions/1`, 'ENABLED');
    await kek.check(call);
  });

  t.test('a key that is to be destroyed is pending deletion', async (t) => {
    const { kek, name } = await newKek(t);
    const wrapped = await kek.wrap(newKey(), context, call);
    await admin.destroyCryptoKeyVersion({ name: `${name}/cryptoKeyVersions/1` });
    await t.rejects(kek.unwrap(wrapped, context, call), failure('key-pending-deletion', /restore/));
    await t.rejects(kek.check(call), failure('key-pending-deletion'));
  });

  t.test('a key or location that is not there is named', async (t) => {
    const { keyRing } = await newKek(t);
    const absent = await openKek(t, { keyRing, keyName: 'absent', endpoint });
    await t.rejects(absent.check(call), failure('no-kek', /cryptoKeys\/absent/));
    const elsewhere = await openKek(t, { keyRing, keyName: 'kek', location: 'europe-west4', endpoint });
    await t.rejects(elsewhere.check(call), failure('no-kek', /europe-west4/));
  });

  t.test('a key and context too long for an HSM are refused with the limit', async (t) => {
    const { kek } = await newKek(t, 'hsm', {
      versionTemplate: { protectionLevel: 'HSM', algorithm: 'GOOGLE_SYMMETRIC_ENCRYPTION' },
    });
    await kek.check(call);
    await t.rejects(
      kek.wrap(newKey(8160), dataKeyContext('a'.repeat(100), 1, 8160), call),
      failure('not-supported', /8 KiB/),
    );
  });

  t.test('a context over 64 KiB is refused before it is sent', async (t) => {
    const { kek } = await newKek(t);
    const long: Context = { id: 'a'.repeat(65_536) };
    await t.rejects(kek.wrap(newKey(), long, call), failure('bad-request', /at most 65536/));
  });
});

const crc = (bytes: Uint8Array) => ({ value: String(crc32c(bytes)) });
const CIPHERTEXT = Buffer.from('wrapped');
/** Answers of a Cloud KMS that is well; tests change one thing. */
const WRAPPED = {
  name: `${NAME}/cryptoKeyVersions/3`,
  ciphertext: CIPHERTEXT,
  ciphertextCrc32c: crc(CIPHERTEXT),
  verifiedPlaintextCrc32c: true,
  verifiedAdditionalAuthenticatedDataCrc32c: true,
};
const PLAIN = Buffer.from(random.bytes(32));
const UNWRAPPED = { plaintext: PLAIN, plaintextCrc32c: crc(PLAIN) };
const VERSION = { name: WRAPPED.name, state: 'ENABLED', algorithm: 'GOOGLE_SYMMETRIC_ENCRYPTION' };
const wrappedKey = { kek: '', version: '3', algorithm: 'gcp-kms', bytes: CIPHERTEXT };

t.test('an answer that was damaged, or is of another key, is no wrapped key', async (t) => {
  const wrong: Record<string, object> = {
    'another key': { name: 'projects/p/locations/europe-west3/keyRings/r/cryptoKeys/kk/cryptoKeyVersions/3' },
    'no version': { name: NAME },
    'a damaged ciphertext': { ciphertext: Buffer.from('wrapqed') },
    'no checksum': { ciphertextCrc32c: null },
    'a key that was not verified': { verifiedPlaintextCrc32c: false },
    'a context that was not verified': { verifiedAdditionalAuthenticatedDataCrc32c: false },
  };
  for (const [what, change] of Object.entries(wrong)) {
    const kek = await openKek(t, { endpoint: await fakeKms(t, { Encrypt: () => ({ ...WRAPPED, ...change }) }) });
    await t.rejects(kek.wrap(newKey(), context, call), failure('kms-bad-answer', /try again/), what);
  }
  const well = await openKek(t, { endpoint: await fakeKms(t, { Encrypt: () => WRAPPED }) });
  t.match(await well.wrap(newKey(), context, call), { version: '3', algorithm: 'gcp-kms' });
});

t.test('an unwrapped key whose checksum is wrong or missing is never handed out', async (t) => {
  for (const plaintextCrc32c of [{ value: '1' }, null]) {
    const kek = await openKek(t, {
      endpoint: await fakeKms(t, { Decrypt: () => ({ ...UNWRAPPED, plaintextCrc32c }) }),
    });
    await t.rejects(kek.unwrap(wrappedKey, context, call), failure('kms-bad-answer'));
  }
});

t.test('all that is sent carries its checksum', async (t) => {
  const asked: Record<string, unknown>[] = [];
  const remember =
    <T>(answer: T) =>
    (request: Record<string, unknown>) => {
      asked.push(request);
      return answer;
    };
  const kek = await openKek(t, {
    endpoint: await fakeKms(t, { Encrypt: remember(WRAPPED), Decrypt: remember(UNWRAPPED) }),
  });
  const key = newKey();
  await kek.wrap(key, context, call);
  await kek.unwrap(wrappedKey, context, call);
  const aad = contextBytes(context);
  t.match(asked, [
    { name: NAME, plaintextCrc32c: crc(key.expose()), additionalAuthenticatedDataCrc32c: crc(aad) },
    { name: NAME, ciphertextCrc32c: crc(CIPHERTEXT), additionalAuthenticatedDataCrc32c: crc(aad) },
  ]);
});

t.test('the check calls what the documented permissions allow, and nothing else', async (t) => {
  const called: string[] = [];
  const log = (name: string, answer: object) => () => {
    called.push(name);
    return answer;
  };
  const endpoint = await fakeKms(t, {
    Encrypt: log('useToEncrypt', WRAPPED),
    GetCryptoKeyVersion: log('get', VERSION),
    Decrypt: log('useToDecrypt', UNWRAPPED),
  });
  await (await openKek(t, { endpoint })).check(call);
  t.same(called, ['useToEncrypt', 'get', 'useToDecrypt']);
  const documented = documentedPermissions('cloudkms');
  t.same(documented.toSorted(), called.map((name) => `cloudkms.cryptoKeyVersions.${name}`).toSorted());
});

t.test('the check refuses a key of the wrong type, a stopped version and a key that does not come back', async (t) => {
  const changes: [object, object, ReturnType<typeof failure>][] = [
    [{ algorithm: 'RSA_DECRYPT_OAEP_2048_SHA256' }, {}, failure('wrong-key-type', /RSA_DECRYPT/)],
    [{ state: 'DISABLED' }, {}, failure('key-stopped')],
    [{ state: 'DESTROY_SCHEDULED' }, {}, failure('key-pending-deletion')],
    [{}, { plaintext: CIPHERTEXT, plaintextCrc32c: crc(CIPHERTEXT) }, failure('kms-bad-answer', /another key/)],
  ];
  for (const [version, unwrapped, expected] of changes) {
    const endpoint = await fakeKms(t, {
      Encrypt: () => WRAPPED,
      GetCryptoKeyVersion: () => ({ ...VERSION, ...version }),
      Decrypt: () => ({ ...UNWRAPPED, ...unwrapped }),
    });
    await t.rejects((await openKek(t, { endpoint })).check(call), expected);
  }
});

t.test('refusals of the service keep their name through the SDK', async (t) => {
  const refusals: [object, ReturnType<typeof failure>][] = [
    [
      status(7, "Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource"),
      failure('provider-denied', /useToEncrypt/),
    ],
    [status(8, 'Quota exceeded'), failure('provider-throttled')],
    [status(9, 'Operation requested for Key k has incorrect key purpose: ASYMMETRIC_SIGN'), failure('wrong-key-type')],
    [status(16, 'Request had invalid authentication credentials.'), failure('credentials-expired')],
    [
      status(3, "The request concerns location 'global' but was sent to location 'us-central1'."),
      failure('wrong-region'),
    ],
    [status(13, 'Internal error'), failure('unexpected')],
  ];
  for (const [refusal, expected] of refusals) {
    const Encrypt = () => {
      throw refusal;
    };
    const kek = await openKek(t, { endpoint: await fakeKms(t, { Encrypt }) });
    await t.rejects(kek.wrap(newKey(), context, call), expected);
  }
});

t.test('what was not wrapped by Cloud KMS is not sent there', async (t) => {
  const kek = await openKek(t, { endpoint: `http://127.0.0.1:${await freePort()}` });
  await t.rejects(kek.unwrap({ ...wrappedKey, algorithm: 'aws-kms' }, context, call), failure('record-corrupt'));
  await t.rejects(kek.unwrap({ ...wrappedKey, bytes: new Uint8Array() }, context, call), failure('record-corrupt'));
});

t.test('a server that is away is unreachable, and one that hangs is a timeout, within the deadline', async (t) => {
  const away = await openKek(t, { endpoint: `http://127.0.0.1:${await freePort()}` }, { timeoutMs: 2000 });
  await t.rejects(away.wrap(newKey(), context, call), failure('kms-unreachable', /refused/));
  const hanging = await openKek(
    t,
    { endpoint: `http://127.0.0.1:${(await hangingServer(t)).port}` },
    { timeoutMs: 200 },
  );
  await t.rejects(hanging.wrap(newKey(), context, call), failure('kms-timeout', /200 ms|in time/));
});

t.test('the end of the call wins over the deadline', async (t) => {
  const hanging = await openKek(t, { endpoint: `http://127.0.0.1:${(await hangingServer(t)).port}` });
  const gone = new AbortController();
  const waiting = hanging.unwrap(wrappedKey, context, testCall({ signal: gone.signal }));
  gone.abort();
  await t.rejects(waiting, failure('client-gone'));
  await t.rejects(hanging.wrap(newKey(), context, testCall({ signal: AbortSignal.timeout(50) })), failure('timeout'));
});

t.test('the URI of the KEK names the key, not who reaches it or how', async (t) => {
  const kek = await openKek(t, { endpoint: 'http://127.0.0.1:9' });
  t.equal(kek.uri, 'kms://gcp?projectID=p&location=europe-west3&keyRing=r&keyName=k');
});
