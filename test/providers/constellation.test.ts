import { createCipheriv, randomBytes } from 'node:crypto';
import t from 'tap';
import { kekRing } from '../../src/core/kek-ring.ts';
import { disposeSecrets, parseKmsUri, parseStorageUri } from '../../src/core/uri.ts';
import { recordName } from '../../src/data-keys/record-name.ts';
import { storedDataKeys } from '../../src/data-keys/stored.ts';
import { openKek, openStore } from '../../src/providers/open.ts';
import { CLOUDS, type Cloud } from '../support/clouds.ts';
import { failure } from '../support/failure.ts';
import { testAmbient, testCall } from '../support/services.ts';

const call = testCall();
const { random, clock } = testAmbient();
const ID = 'pvc-5d2e7f60-8c1a-4b7b-a0f3-1f2e3d4c5b6a';

async function doors(t: { teardown(fn: () => unknown): unknown }, cloud: Cloud) {
  const secrets = { env: {}, readFile: () => Promise.reject(new Error('no files here')) };
  const [kmsUri, storageUri] = [parseKmsUri(cloud.kms), parseStorageUri(cloud.storage())];
  const { kek } = await openKek(kmsUri, { random, secrets });
  const store = await openStore(storageUri, { secrets });
  for (const uri of [kmsUri, storageUri]) disposeSecrets(uri);
  if (store === undefined) throw new Error('a store is needed');
  t.teardown(async () => {
    await kek.close();
    await store.close();
  });
  return { kek, store };
}

/** The blob that Constellation writes for a data key. */
async function blobOf(cloud: Cloud, dataKey: Uint8Array): Promise<Uint8Array> {
  const [contentKey, iv] = [randomBytes(32), randomBytes(12)];
  const cipher = createCipheriv('aes-256-gcm', contentKey, iv);
  const ciphertext = Buffer.concat([cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
  const key_info = await cloud.wrapBare(contentKey);
  return Buffer.from(
    JSON.stringify({ ciphertext: ciphertext.toString('base64'), iv: iv.toString('base64'), key_info }),
  );
}

for (const [name, open] of Object.entries(CLOUDS)) {
  t.test(`a bucket that Constellation wrote opens, and becomes ours: ${name}`, { timeout: 390_000 }, async (t) => {
    const cloud = await open(t);
    if (cloud === undefined) return;
    const { kek, store } = await doors(t, cloud);
    const dataKey = randomBytes(64);
    await store.create(ID, await blobOf(cloud, dataKey), call);
    const ask = { id: ID, length: 64, create: 'if-missing' } as const;
    const old = storedDataKeys({ kek: kekRing(kek, []), store, random, clock, constellation: true });
    const key = async (dataKeys: typeof old) => Buffer.from((await dataKeys.get(ask, call)).key.expose());
    t.same(await key(old), dataKey);
    t.equal(await store.read(recordName(ID), call), undefined, 'and nothing was written');

    t.match(await old.rewrap(ID, call), { version: 1, rewrapped: 1, kek: kek.uri });
    const alone = storedDataKeys({ kek, store, random, clock });
    t.same(await key(alone), dataKey);

    await store.create('pvc-damaged', Buffer.from('{"ciphertext":"AAAA"}'), call);
    await t.rejects(old.get({ ...ask, id: 'pvc-damaged' }, call), failure('record-corrupt'));
  });
}
