import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import type { KeyAdmin } from '../../../src/core/key-admin.ts';
import { keyAdminSuite } from '../../conformance/key-admin.ts';
import { emulators } from '../../support/emulators.ts';
import { failure } from '../../support/failure.ts';
import { openedKeyAdmin, unique, uriText } from '../../support/opened-doors.ts';
import { testCall } from '../../support/services.ts';
import { kmsAdmin, secrets } from './fakes.ts';

const call = testCall();

t.test('keys of Cloud KMS', async (t) => {
  const env = await emulators(t, ['gcp-kms']);
  if (env === undefined) return;
  const address = env['GCP_KMS_ENDPOINT'] ?? '';
  const parent = 'projects/p/locations/europe-west3';
  const open = (t: Test, keyRing: string): Promise<KeyAdmin> => {
    const place = { projectID: 'p', location: 'europe-west3', keyRing, keyName: 'any', endpoint: `http://${address}` };
    return openedKeyAdmin(t, uriText('kms://gcp', place), { secrets });
  };
  const newRing = () => `ring-${randomBytes(8).toString('hex')}`;

  t.test('every promise of the contract', async (t) => {
    keyAdminSuite(
      t,
      {
        name: () => unique('key'),
        made: { tags: { team: 'web' }, rotationDays: 90, origin: 'HSM', spec: 'SYMMETRIC_DEFAULT' },
        changed: { tags: { env: 'x' }, rotationDays: 180 },
        refused: { description: 'x', policy: '{}', multiRegion: true, customKeyStoreId: 'cks-1', usage: 'SIGN_VERIFY' },
        freesNames: true,
        days: 30,
      },
      async (t) => {
        const ring = newRing();
        return [await open(t, ring), await open(t, ring)];
      },
    );
  });

  t.test('the ring is made with the first key, and the window of a key is the one it was made with', async (t) => {
    const ring = newRing();
    const admin = await open(t, ring);
    const key = await admin.create('kek', { deletionDays: 7 }, call);
    t.equal(key.resource, `${parent}/keyRings/${ring}/cryptoKeys/kek`);
    await t.rejects(admin.terminate('kek', key, 30, call), failure('not-supported', /7 days/));
    t.match(await admin.find('kek', [], call), { state: 'running' });
    await admin.terminate('kek', key, undefined, call);
    const [gone] = await admin.earlier('kek', call);
    t.ok(Math.abs((gone?.deletionDate?.getTime() ?? 0) - Date.now() - 7 * 86_400_000) < 3_600_000);
  });

  t.test('all versions of a key are stopped, started, terminated and restored with it', async (t) => {
    const ring = newRing();
    const admin = await open(t, ring);
    const key = await admin.create('kek', {}, call);
    const cloud = kmsAdmin(t, address);
    await cloud.createCryptoKeyVersion({ parent: key.resource, cryptoKeyVersion: {} });
    const states = async () => {
      const [versions] = await cloud.listCryptoKeyVersions({ parent: key.resource });
      return versions.map(({ state }) => state);
    };
    await admin.update('kek', key, { enabled: false }, call);
    t.same(await states(), ['DISABLED', 'DISABLED']);
    await admin.update('kek', key, { enabled: true }, call);
    t.same(await states(), ['ENABLED', 'ENABLED']);
    await admin.terminate('kek', key, 30, call);
    t.same(await states(), ['DESTROY_SCHEDULED', 'DESTROY_SCHEDULED']);
    const [gone] = await admin.earlier('kek', call);
    await admin.restore('kek', gone ?? key, 'running', call);
    t.same(await states(), ['ENABLED', 'ENABLED']);
  });

  t.test('a new version that was made and did not become the primary one is taken up', async (t) => {
    const ring = newRing();
    const admin = await open(t, ring);
    const key = await admin.create('kek', {}, call);
    await admin.terminate('kek', key, 30, call);
    const cloud = kmsAdmin(t, address);
    await cloud.createCryptoKeyVersion({ parent: key.resource, cryptoKeyVersion: {} });
    await admin.create('kek', {}, call);
    const [made] = await cloud.getCryptoKey({ name: key.resource });
    t.equal(made.primary?.name, `${key.resource}/cryptoKeyVersions/2`);
    const [versions] = await cloud.listCryptoKeyVersions({ parent: key.resource });
    t.equal(versions.length, 2);
  });

  t.test('a value that Google does not take is its refusal', async (t) => {
    const admin = await open(t, newRing());
    await t.rejects(admin.create('not a name', {}, call), failure('provider-refused'));
  });
});
