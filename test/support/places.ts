import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { SecretSource } from '../../src/core/secret-reference.ts';
import { keyAdmin as awsAdmin, motoQuery, newBucket } from '../providers/aws/aws.ts';
import { azureEmulators, blobQuery, hsmQuery, keyAdmin, newContainer, vaultQuery } from '../providers/azure/azure.ts';
import { kmsAdmin } from '../providers/gcp/fakes.ts';
import { unique, uriText } from './opened-doors.ts';

type Env = Readonly<Record<string, string>>;

/** A KEK of its own, as a service is told of it. */
export interface KekPlace {
  readonly uri: string;
  /** From now on another version of it wraps. */
  renew?(): Promise<unknown>;
  /** Switches it off and on again; undefined where nobody can. */
  readonly disable?: () => Promise<unknown>;
  readonly enable?: () => Promise<unknown>;
}

/** Where references in the URIs of these places lead. */
export const placeSecrets: SecretSource = {
  env: { TEST_ACCESS_KEY: 'test', STRICT_ACCESS_KEY: 'emulator-secret', TEST_CLIENT_SECRET: 'a-client-secret' },
  readFile: () => Promise.reject(new Error('no files here')),
};

/** All emulators that the places need; undefined where they are not installed: the test is skipped then. */
export function placeEmulators(t: Test): Promise<Record<string, string> | undefined> {
  return azureEmulators(t, ['moto', 'gcp-kms', 'fake-gcs', 'azurite', 'oidc', 'azure-keyvault']);
}

/** A new KEK in each KMS. */
export const KEK_PLACES: Readonly<Record<string, (t: Test, env: Env) => Promise<KekPlace>>> = {
  async 'the cluster KEK'() {
    const [key, salt] = [randomBytes(32), randomBytes(32)].map((bytes) => bytes.toString('base64url'));
    return { uri: uriText('kms://cluster-kms', { mode: 'wrap', key: key ?? '', salt: salt ?? '' }) };
  },
  async 'AWS KMS'(t, env) {
    const admin = awsAdmin(t, env);
    const keyName = `alias/${unique('kek')}`;
    const { id } = await admin.create();
    await admin.alias(keyName, id);
    return {
      uri: uriText('kms://aws', { ...motoQuery(env), keyName }),
      renew: async () => admin.moveAlias(keyName, (await admin.create()).id),
      disable: () => admin.disable(id),
      enable: () => admin.enable(id),
    };
  },
  async 'Cloud KMS'(t, env) {
    const address = env['GCP_KMS_ENDPOINT'] ?? '';
    const admin = kmsAdmin(t, address);
    const [parent, keyRing] = ['projects/p/locations/europe-west3', unique('ring')];
    await admin.createKeyRing({ parent, keyRingId: keyRing, keyRing: {} });
    const cryptoKey = { purpose: 'ENCRYPT_DECRYPT' } as const;
    const [key] = await admin.createCryptoKey({ parent: `${parent}/keyRings/${keyRing}`, cryptoKeyId: 'k', cryptoKey });
    const name = key.name ?? '';
    const set = (state: 'ENABLED' | 'DISABLED') =>
      admin.updateCryptoKeyVersion({
        cryptoKeyVersion: { name: `${name}/cryptoKeyVersions/1`, state },
        updateMask: { paths: ['state'] },
      });
    const place = { projectID: 'p', location: 'europe-west3', keyRing, keyName: 'k' };
    return {
      uri: uriText('kms://gcp', { ...place, endpoint: `http://${address}` }),
      async renew() {
        const [{ name: version }] = await admin.createCryptoKeyVersion({ parent: name, cryptoKeyVersion: {} });
        await admin.updateCryptoKeyPrimaryVersion({ name, cryptoKeyVersionId: version?.split('/').at(-1) ?? '' });
      },
      disable: () => set('DISABLED'),
      enable: () => set('ENABLED'),
    };
  },
  async 'Key Vault'(_t, env) {
    const admin = keyAdmin(env['AZURE_KEYVAULT_URL'] ?? '');
    const keyName = unique('kek');
    const { properties } = await admin.createRsaKey(keyName, { keySize: 2048 });
    const set = (enabled: boolean) => admin.updateKeyProperties(keyName, properties.version ?? '', { enabled });
    return {
      uri: uriText('kms://azure', { ...vaultQuery(env), keyName }),
      renew: () => admin.createRsaKey(keyName, { keySize: 2048 }),
      disable: () => set(false),
      enable: () => set(true),
    };
  },
  async 'Managed HSM'(_t, env) {
    const admin = keyAdmin(env['AZURE_MANAGEDHSM_URL'] ?? '');
    const keyName = unique('kek');
    const { properties } = await admin.createOctKey(keyName, { hsm: true, keySize: 256 });
    const set = (enabled: boolean) => admin.updateKeyProperties(keyName, properties.version ?? '', { enabled });
    return {
      uri: uriText('kms://azure', { ...hsmQuery(env), keyName }),
      renew: () => admin.createOctKey(keyName, { hsm: true, keySize: 256 }),
      disable: () => set(false),
      enable: () => set(true),
    };
  },
};

/** A new, empty store in each place: its URI. */
export const STORE_PLACES: Readonly<Record<string, (t: Test, env: Env) => Promise<string>>> = {
  memory: async () => 'storage://memory',
  S3: async (t, env) => uriText('storage://aws', await newBucket(t, motoQuery(env))),
  async 'Cloud Storage'(_t, env) {
    const endpoint = env['GCS_ENDPOINT_URL'] ?? '';
    const bucket = unique('keystead');
    await fetch(`${endpoint}/storage/v1/b?project=p`, { method: 'POST', body: JSON.stringify({ name: bucket }) });
    return uriText('storage://gcp', { projectID: 'p', bucket, endpoint });
  },
  'Blob Storage': async (_t, env) => uriText('storage://azure', await newContainer(blobQuery(env))),
};
