import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { keyAdmin as awsAdmin, newBucket, REGION } from '../providers/aws/aws.ts';
import { keyAdmin as azureAdmin, azureEmulators, blobQuery, newContainer } from '../providers/azure/azure.ts';
import { kmsAdmin } from '../providers/gcp/fakes.ts';
import { emulators } from './emulators.ts';
import { unique, uriText as uri } from './opened-doors.ts';

/** A new KEK and a new, empty store in one cloud's emulators, as a service is told of them. */
export interface Cloud {
  readonly kms: string;
  /** The store's URI, by the address where its calls go. */
  storage(endpoint?: string): string;
  /** Where they go by themselves. */
  readonly storageEndpoint: string;
  /** Wraps with the KEK and no context, by the cloud's own SDK, as Constellation does; gives its `key_info`. */
  wrapBare(key: Uint8Array): Promise<object>;
  /** What processes that use them need in their environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Undefined where the emulators are not installed: the test is skipped then. */
export const CLOUDS: Readonly<Record<'aws' | 'gcp' | 'azure', (t: Test) => Promise<Cloud | undefined>>> = {
  async aws(t) {
    const env = await emulators(t, ['moto', 'versitygw']);
    if (env === undefined) return undefined;
    const admin = awsAdmin(t, env);
    const { arn } = await admin.create();
    const at = { accessKeyID: 'test', accessKey: 'test-secret' };
    const strict = { accessKeyID: env['S3_STRICT_ACCESS_KEY_ID'] ?? '', accessKey: 'emulator-secret' };
    const storageEndpoint = env['S3_STRICT_ENDPOINT_URL'] ?? '';
    const place = { endpoint: storageEndpoint, region: 'us-east-1' };
    const { bucket = '' } = await newBucket(t, { ...place, ...strict, accessKey: 'env://STRICT_ACCESS_KEY' });
    return {
      kms: uri('kms://aws', { ...at, region: REGION, keyName: arn, endpoint: env['AWS_ENDPOINT_URL'] ?? '' }),
      storage: (endpoint = storageEndpoint) => uri('storage://aws', { ...place, ...strict, bucket, endpoint }),
      storageEndpoint,
      wrapBare: async (key) => keyInfo(arn, await admin.encrypt(arn, key), 1),
      env,
    };
  },
  async gcp(t) {
    const env = await emulators(t, ['fake-gcs', 'gcp-kms']);
    if (env === undefined) return undefined;
    const address = env['GCP_KMS_ENDPOINT'] ?? '';
    const storageEndpoint = env['GCS_ENDPOINT_URL'] ?? '';
    const keyRing = `ring-${randomBytes(8).toString('hex')}`;
    const parent = 'projects/p/locations/europe-west3';
    const admin = kmsAdmin(t, address);
    await admin.createKeyRing({ parent, keyRingId: keyRing, keyRing: {} });
    await admin.createCryptoKey({
      parent: `${parent}/keyRings/${keyRing}`,
      cryptoKeyId: 'kek',
      cryptoKey: { purpose: 'ENCRYPT_DECRYPT' },
    });
    const bucket = unique('keystead');
    const body = JSON.stringify({ name: bucket });
    await fetch(`${storageEndpoint}/storage/v1/b?project=p`, { method: 'POST', body });
    const name = `${parent}/keyRings/${keyRing}/cryptoKeys/kek`;
    const key = { projectID: 'p', location: 'europe-west3', keyRing, keyName: 'kek' };
    return {
      kms: uri('kms://gcp', { ...key, endpoint: `http://${address}` }),
      storage: (endpoint = storageEndpoint) => uri('storage://gcp', { projectID: 'p', bucket, endpoint }),
      storageEndpoint,
      async wrapBare(plaintext) {
        const [answer] = await admin.encrypt({ name, plaintext });
        return keyInfo(answer.name ?? '', answer.ciphertext as Uint8Array, 1);
      },
      env,
    };
  },
  async azure(t) {
    const env = await azureEmulators(t, ['azurite', 'oidc', 'azure-keyvault']);
    if (env === undefined) return undefined;
    const vault = env['AZURE_KEYVAULT_URL'] ?? '';
    const keyName = unique('kek');
    const admin = azureAdmin(vault);
    const { properties } = await admin.createRsaKey(keyName, { keySize: 2048 });
    const client = { tenantID: 'tenant-1', clientID: 'key-service', clientSecret: 'a-client-secret' };
    const { container = '', account = '', endpoint: storageEndpoint = '' } = await newContainer(blobQuery(env));
    const key = { vaultName: 'emulated', vaultType: 'vault.azure.net', keyName, endpoint: vault };
    return {
      kms: uri('kms://azure', { ...client, ...key }),
      storage: (endpoint = storageEndpoint) => uri('storage://azure', { ...client, account, container, endpoint }),
      storageEndpoint,
      async wrapBare(plaintext) {
        const { result } = await admin.getCryptographyClient(keyName).wrapKey('RSA-OAEP-256', plaintext);
        return keyInfo(properties.version ?? '', result);
      },
      env: { ...env, AZURE_AUTHORITY_HOST: env['OIDC_URL'] ?? '' },
    };
  },
};

function keyInfo(key_id: string, wrapped: Uint8Array, mechanism?: number): object {
  const wrapped_key = Buffer.from(wrapped).toString('base64');
  return { ...(mechanism === undefined ? {} : { mechanism }), key_id, wrapped_key };
}
