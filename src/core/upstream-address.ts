import type { KmsUri, StorageUri } from './uri-schemas.ts';

/**
 * Where the calls of a URI go, as far as it can be told without the SDK; undefined for what is in this process, and
 * for AWS where only the SDK's own files know the region.
 *
 * @param env the variables that the SDKs themselves read.
 */
export function upstreamAddress(
  uri: KmsUri | StorageUri,
  env: Readonly<Record<string, string | undefined>>,
): URL | undefined {
  const text = uri.scheme === 'kms' ? kmsAddress(uri, env) : storageAddress(uri, env);
  return text === undefined || !URL.canParse(text) ? undefined : new URL(text);
}

type Env = Readonly<Record<string, string | undefined>>;

function kmsAddress(uri: KmsUri, env: Env): string | undefined {
  switch (uri.provider) {
    case 'cluster-kms':
      return undefined;
    case 'aws': {
      const inArn = /^arn:[a-z0-9-]+:kms:([a-z0-9-]+):/.exec(uri.keyName)?.[1];
      return uri.endpoint ?? awsAddress('kms', inArn ?? uri.region, env);
    }
    case 'gcp':
      return uri.endpoint ?? 'https://cloudkms.googleapis.com';
    case 'azure':
      return uri.endpoint ?? `https://${uri.vaultName}.${uri.vaultType}`;
  }
}

function storageAddress(uri: StorageUri, env: Env): string | undefined {
  switch (uri.provider) {
    case 'memory':
    case 'no-store':
      return undefined;
    case 'aws':
      return uri.endpoint ?? awsAddress('s3', uri.region, env);
    case 'gcp':
      return uri.endpoint ?? env['STORAGE_EMULATOR_HOST'] ?? 'https://storage.googleapis.com';
    case 'azure':
      return uri.endpoint ?? `https://${uri.account}.blob.core.windows.net`;
  }
}

function awsAddress(service: 'kms' | 's3', said: string | undefined, env: Env): string | undefined {
  const endpoint = env[`AWS_ENDPOINT_URL_${service.toUpperCase()}`] ?? env['AWS_ENDPOINT_URL'];
  if (endpoint !== undefined) return endpoint;
  const region = said ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'];
  if (region === undefined) return undefined;
  return `https://${service}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}
