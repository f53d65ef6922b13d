import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { AzureAccess, CredentialSource } from '../../../src/core/roles.ts';
import { openAzureKek } from '../../../src/providers/azure/kek.ts';
import { failure } from '../../support/failure.ts';
import { testCall } from '../../support/services.ts';
import { azureEmulators, keyAdmin, unique, vaultQuery } from './azure.ts';

t.setTimeout(400_000);
const call = testCall();
const SUBJECT = 'system:serviceaccount:keystead:keystead';
const random = { bytes: (length: number) => new Uint8Array(length).fill(7) };

// What the machine knows of Azure must not matter here.
for (const name of Object.keys(process.env)) if (name.startsWith('AZURE_')) delete process.env[name];

/** One access path, whatever its name. */
function access(path: AzureAccess): CredentialSource {
  const none = () => Promise.reject(new Error('not of this test'));
  return { aws: none, gcp: none as never, azure: () => path, close: async () => {} };
}

t.test('on the emulators', { timeout: 390_000 }, async (t) => {
  const env = await azureEmulators(t, ['oidc', 'azure-keyvault']);
  if (env === undefined) return;
  const { vaultName = '', endpoint = '' } = vaultQuery(env);
  const { name: keyName } = await keyAdmin(endpoint).createRsaKey(unique('kek'));
  const uri = {
    scheme: 'kms',
    provider: 'azure',
    vaultName,
    vaultType: 'vault.azure.net',
    keyName,
    endpoint,
    access: 'customer',
  } as const;
  const open = async (t: Test, path: AzureAccess, over: object = {}) => {
    const kek = await openAzureKek(
      { ...uri, ...over },
      { secrets: { env: {}, readFile }, random, access: access(path) },
    );
    t.teardown(() => kek.close());
    return kek;
  };

  t.test('a token of the cluster stands in place of the application’s secret, read anew each time', async (t) => {
    const form = {
      grant_type: 'client_credentials',
      client_id: 'x',
      client_secret: 'x',
      audience: 'api://AzureADTokenExchange',
    };
    const body = new URLSearchParams({ ...form, namespace: 'keystead', serviceaccount: 'keystead' });
    const answer = await fetch(`${env['OIDC_URL']}/k8s/token`, { method: 'POST', body });
    const tokenFile = join(t.testdir(), 'token');
    // The emulator wants the client to be the subject.
    const path = { tenantID: 'tenant-1', clientID: SUBJECT, tokenFile };
    const kek = await open(t, path);
    await t.rejects(kek.check(call), failure('no-file', /token file .*token is not there/));
    await writeFile(tokenFile, '\n');
    await t.rejects(kek.check(call), failure('bad-config', /is empty/));
    await writeFile(tokenFile, `${((await answer.json()) as { access_token: string }).access_token}\n`);
    await t.resolves(kek.check(call));
    const stranger = await open(t, { ...path, clientID: 'another' });
    await t.rejects(
      stranger.check(call),
      failure('provider-credentials'),
      'the application does not trust this subject',
    );
  });

  t.test('so does the token of a managed identity', async (t) => {
    const before = process.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'];
    process.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] = env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] ?? '';
    t.teardown(() => {
      if (before === undefined) delete process.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'];
      else process.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] = before;
    });
    const kek = await open(t, { tenantID: 'tenant-1', clientID: 'key-service', managedIdentity: 'key-service' });
    await t.resolves(kek.check(call));
    const denied = await open(t, { tenantID: 'tenant-1', clientID: 'no-access', managedIdentity: 'no-access' });
    await t.rejects(denied.check(call), failure('provider-denied'));
  });

  t.test('credentials in the URI besides are refused', async (t) => {
    const path = { tenantID: 'tenant-1', clientID: 'a' };
    await t.rejects(
      open(t, path, { tenantID: 'tenant-1' }),
      failure('bad-uri', /access=customer and tenantID .*give one/),
    );
  });
});
