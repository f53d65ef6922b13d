import type { KMSClient } from '@aws-sdk/client-kms';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SSMClient } from '@aws-sdk/client-ssm';
import type { STSClient } from '@aws-sdk/client-sts';
import { type AwsCredentials, accessPathsOf, type CredentialSource } from '../../core/roles.ts';
import { loadSdk } from '../../core/sdk.ts';
import type { SecretSource } from '../../core/secret-reference.ts';
import type { KmsUriOf, ParametersUriOf, StorageUriOf } from '../../core/uri-schemas.ts';
import type { AwsPlace } from './place.ts';

/** What a URI's references and names lead to. */
export interface PlaceDeps {
  readonly secrets: SecretSource;
  readonly access?: CredentialSource | undefined;
}

type KmsSdk = typeof import('@aws-sdk/client-kms');
type S3Sdk = typeof import('@aws-sdk/client-s3');
type StsSdk = typeof import('@aws-sdk/client-sts');
type SsmSdk = typeof import('@aws-sdk/client-ssm');

/** An SDK that is loaded only now, and its one client. The caller calls `client.destroy()`. */
export interface Aws<Sdk, Client> {
  readonly sdk: Sdk;
  readonly client: Client;
}
export type AwsKms = Aws<KmsSdk, KMSClient>;
export type AwsS3 = Aws<S3Sdk, S3Client>;
export interface AwsSts extends Aws<StsSdk, STSClient> {
  /** A client that asks with other credentials, over the same connections. It ends with `client`. */
  as(credentials: AwsCredentials): STSClient;
}
export type AwsSsm = Aws<SsmSdk, SSMClient>;

/** Tries of one call, the first included: a broken connection or a 500 is worth another, all within one deadline. */
const ATTEMPTS = 3;
/** As many as AWS's other SDKs make: throttling is common where hundreds of accounts are visited. */
const STS_ATTEMPTS = 5;

/**
 * Region, endpoint and credentials of a URI, its references followed and its access path opened. Throws `bad-uri`,
 * `bad-config`, `no-file`, `sdk-not-installed`.
 */
export async function placeOf(
  uri: KmsUriOf<'aws'> | StorageUriOf<'aws'> | ParametersUriOf<'aws'>,
  { secrets, access }: PlaceDeps,
): Promise<AwsPlace> {
  if (uri.access !== undefined) {
    const path = await accessPathsOf(uri, ['accessKeyID'], access).aws(uri.access);
    const region = uri.region ?? path.region;
    return {
      ...(region === undefined ? {} : { region }),
      ...(uri.endpoint === undefined ? {} : { endpoint: uri.endpoint }),
      credentials: async () => (await path.credentials()).expose(),
    };
  }
  const { resolveSecrets } = await import('../../core/uri.ts'); // the key of secrets files has no URI
  const { accessKey, sessionToken } = await resolveSecrets(uri, secrets);
  try {
    return {
      ...(uri.region === undefined ? {} : { region: uri.region }),
      ...(uri.endpoint === undefined ? {} : { endpoint: uri.endpoint }),
      ...(uri.accessKeyID === undefined || accessKey === undefined
        ? {}
        : {
            credentials: {
              accessKeyId: uri.accessKeyID,
              // The SDK takes strings only: from here on these cannot be wiped.
              secretAccessKey: text(accessKey.expose()),
              ...(sessionToken === undefined ? {} : { sessionToken: text(sessionToken.expose()) }),
            },
          }),
    };
  } finally {
    accessKey?.dispose();
    sessionToken?.dispose();
  }
}

/** Throws `sdk-not-installed`. Makes no call. @param attempts 1 where a repetition would not be harmless. */
export async function openKms(place: AwsPlace, timeoutMs: number, attempts = ATTEMPTS): Promise<AwsKms> {
  const sdk = await loadSdk('@aws-sdk/client-kms', () => import('@aws-sdk/client-kms'));
  return { sdk, client: new sdk.KMSClient({ ...settings(place, timeoutMs), maxAttempts: attempts }) };
}

/** As `openKms`. An endpoint of one's own has no DNS name per bucket, so the bucket goes into the path there. */
export async function openS3(place: AwsPlace, timeoutMs: number): Promise<AwsS3> {
  const sdk = await loadSdk('@aws-sdk/client-s3', () => import('@aws-sdk/client-s3'));
  return {
    sdk,
    client: new sdk.S3Client({ ...settings(place, timeoutMs), forcePathStyle: place.endpoint !== undefined }),
  };
}

/** As `openKms`. The endpoint is that of the region: the global one of old is in one region only. */
export async function openStsClient(place: AwsPlace, timeoutMs: number): Promise<AwsSts> {
  const sdk = await loadSdk('@aws-sdk/client-sts', () => import('@aws-sdk/client-sts'));
  const options = { ...settings(place, timeoutMs), maxAttempts: STS_ATTEMPTS };
  const client = new sdk.STSClient(options);
  const { requestHandler } = client.config;
  return {
    sdk,
    client,
    as: (credentials) =>
      new sdk.STSClient({
        ...options,
        requestHandler,
        credentials: credentials.expose(),
      }),
  };
}

/** As `openKms`. */
export async function openSsm(place: AwsPlace, timeoutMs: number): Promise<AwsSsm> {
  const sdk = await loadSdk('@aws-sdk/client-ssm', () => import('@aws-sdk/client-ssm'));
  return { sdk, client: new sdk.SSMClient(settings(place, timeoutMs)) };
}

function settings(place: AwsPlace, timeoutMs: number) {
  return {
    ...place,
    maxAttempts: ATTEMPTS,
    customUserAgent: 'keystead',
    logger: silent,
    requestHandler: {
      // Half of the whole, so that one address that swallows connections leaves time for another.
      connectionTimeout: Math.ceil(timeoutMs / 2),
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
    },
  };
}

/** The SDK would write warnings to the console. */
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
