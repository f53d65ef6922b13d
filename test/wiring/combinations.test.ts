import t, { type Test } from 'tap';
import type { DataKeys } from '../../src/data-keys/data-keys.ts';
import { recordName } from '../../src/data-keys/record-name.ts';
import type { Services } from '../../src/wiring.ts';
import { failure } from '../support/failure.ts';
import { openedStore } from '../support/opened-doors.ts';
import { KEK_PLACES, type KekPlace, placeEmulators, placeSecrets, STORE_PLACES } from '../support/places.ts';
import { testCall, testServices } from '../support/services.ts';

t.setTimeout(400_000);
const call = testCall();

async function hex(dataKeys: DataKeys, id: string, version?: number): Promise<string> {
  const asked = version === undefined ? {} : { version };
  const { key } = await dataKeys.get({ id, length: 32, create: 'if-missing', ...asked }, call);
  const text = Buffer.from(key.expose()).toString('hex');
  key.dispose();
  return text;
}

/** The life of data keys under one KEK in one store, as a service with that configuration sees it. */
async function life(t: Test, kek: KekPlace, storage: string): Promise<void> {
  const open = () => testServices(t, { kms: kek.uri, storage }, { secrets: placeSecrets });
  const first = await open();
  const ids = ['pvc-1', 'ä/ö ü', 'x'.repeat(300)] as const;
  const keys = new Map<string, string>();
  for (const id of ids) keys.set(id, await hex(first.dataKeys, id));
  t.equal(new Set(keys.values()).size, 3, 'each has its own key');
  // What is in memory ends with its service.
  const services = storage === 'storage://memory' ? first : await open();
  const { dataKeys, dataKeyJobs } = services;
  for (const id of ids) t.equal(await hex(dataKeys, id), keys.get(id), 'the same key comes back');

  t.match(await dataKeys.rotate('pvc-1', call), { version: 2 });
  const newest = await hex(dataKeys, 'pvc-1');
  t.not(newest, keys.get('pvc-1'));
  t.equal(await hex(dataKeys, 'pvc-1', 1), keys.get('pvc-1'));
  const { items } = await dataKeys.list('pvc', undefined, 10, call);
  t.match(items, [{ id: 'pvc-1', version: 2, state: 'active', length: 32 }]);
  t.same(await dataKeys.describe('pvc-1', call), items[0]);

  await kek.renew?.();
  t.match(await dataKeys.rewrap('pvc-1', call), { rewrapped: kek.renew === undefined ? 0 : 2 });
  t.match(await dataKeyJobs.rewrapAll({}, call), { done: 3, changed: kek.renew === undefined ? 0 : 2, failed: 0 });
  t.match(await dataKeyJobs.verifyAll({}, call), { done: 3, failed: 0 });
  t.equal(await hex(dataKeys, 'pvc-1', 1), keys.get('pvc-1'));
  t.equal(await hex(dataKeys, 'pvc-1'), newest);

  await deletedAndRestored(t, services, 'ä/ö ü', keys.get('ä/ö ü'));
  if (services !== first) await swapped(t, services, storage);
}

async function deletedAndRestored(t: Test, { dataKeys }: Services, id: string, key: string | undefined) {
  const { etag = '' } = await dataKeys.describe(id, call);
  await t.rejects(dataKeys.delete(id, '"another"', call), failure('stale-etag'));
  await dataKeys.delete(id, etag, call);
  await t.rejects(hex(dataKeys, id), failure('pending-deletion'));
  await dataKeys.restore(id, call);
  t.equal(await hex(dataKeys, id), key);
}

/** Two records that change places, as they are and with the id written over. */
async function swapped(t: Test, { dataKeys, dataKeyJobs }: Services, storage: string): Promise<void> {
  const store = await openedStore(t, storage, { secrets: placeSecrets });
  const [one, other] = ['pvc-1', 'x'.repeat(300)] as const;
  const read = async (id: string) => {
    const stored = await store.read(recordName(id), call);
    if (stored === undefined) throw new Error(`no record of ${id}`);
    return stored;
  };
  const put = async (id: string, text: string) =>
    store.replace(recordName(id), Buffer.from(text), (await read(id)).etag, call);
  const text = async (id: string) => Buffer.from((await read(id)).bytes).toString();
  const [own, foreign] = [await text(one), await text(other)];
  for (const fake of [foreign, foreign.replace(JSON.stringify(other), JSON.stringify(one))]) {
    await put(one, fake);
    await t.rejects(hex(dataKeys, one), { reason: 'context-mismatch', code: 'data_loss' });
    t.match(await dataKeyJobs.verifyAll({}, call), { failed: 1, failures: [{ reason: 'context-mismatch' }] });
  }
  await put(one, own);
  t.match(await dataKeyJobs.verifyAll({}, call), { failed: 0 });
}

t.test('every KMS with every store', { timeout: 390_000 }, async (t) => {
  const env = await placeEmulators(t);
  if (env === undefined) return;
  for (const [kms, newKek] of Object.entries(KEK_PLACES)) {
    for (const [store, newStore] of Object.entries(STORE_PLACES)) {
      t.test(`data keys under ${kms} in ${store}`, async (t) => {
        await life(t, await newKek(t, env), await newStore(t, env));
      });
    }
  }
});
