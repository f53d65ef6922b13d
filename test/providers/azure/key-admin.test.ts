import t, { type Test } from 'tap';
import { keyAdminSuite } from '../../conformance/key-admin.ts';
import { failure } from '../../support/failure.ts';
import { openedKeyAdmin, unique, uriText } from '../../support/opened-doors.ts';
import { testCall } from '../../support/services.ts';
import { azureEmulators, hsmQuery, keyAdmin, secrets, vaultQuery } from './azure.ts';

const call = testCall();

t.test('keys of Azure', async (t) => {
  const env = await azureEmulators(t, ['oidc', 'azure-keyvault']);
  if (env === undefined) return;
  const places = { 'Key Vault': vaultQuery(env), 'Managed HSM': hsmQuery(env) };
  const open = (t: Test, query: Record<string, string>) =>
    openedKeyAdmin(t, uriText('kms://azure', { ...query, keyName: 'any' }), { secrets });

  for (const [title, query] of Object.entries(places)) {
    t.test(`every promise of the contract: ${title}`, async (t) => {
      keyAdminSuite(
        t,
        {
          name: () => unique('key'),
          made: { tags: { team: 'web' }, rotationDays: 90, spec: 'RSA_2048', origin: 'HSM' },
          changed: { tags: { env: 'x' }, rotationDays: 180 },
          refused: {
            description: 'x',
            policy: '{}',
            multiRegion: true,
            customKeyStoreId: 'cks-1',
            spec: 'ECC_NIST_P256',
          },
          freesNames: false,
          days: 90,
        },
        async (t) => [await open(t, query), await open(t, query)],
      );
    });
  }

  t.test('a key of an HSM is an AES key where nothing is said, and both wrap and unwrap', async (t) => {
    for (const [query, type] of [
      [vaultQuery(env), 'RSA'],
      [hsmQuery(env), 'oct-HSM'],
    ] as const) {
      const name = unique('key');
      await (await open(t, query)).create(name, {}, call);
      const key = await keyAdmin(query['endpoint'] ?? '').getKey(name);
      t.equal(key.keyType, type);
      t.same(key.keyOperations, ['wrapKey', 'unwrapKey']);
    }
  });

  t.test('all versions of a key are stopped and started with it; the window is the vault’s', async (t) => {
    const query = vaultQuery(env);
    const admin = await open(t, query);
    const cloud = keyAdmin(query['endpoint'] ?? '');
    const name = unique('key');
    const key = await admin.create(name, {}, call);
    await cloud.createRsaKey(name);
    const enabled = async () => {
      const found: (boolean | undefined)[] = [];
      for await (const version of cloud.listPropertiesOfKeyVersions(name)) found.push(version.enabled);
      return found;
    };
    await admin.update(name, key, { enabled: false }, call);
    t.same(await enabled(), [false, false]);
    await admin.update(name, key, { enabled: true }, call);
    t.same(await enabled(), [true, true]);
    await t.rejects(admin.terminate(name, key, 30, call), failure('not-supported', /90 days/));
    t.match(await admin.find(name, [], call), { state: 'running' });
  });
});
