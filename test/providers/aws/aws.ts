import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateKeyCommand,
  type CreateKeyCommandInput,
  DisableKeyCommand,
  EnableKeyCommand,
  EncryptCommand,
  KMSClient,
  ScheduleKeyDeletionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { Kek } from '../../../src/core/kek.ts';
import type { SecretSource } from '../../../src/core/secret-reference.ts';
import type { WrappedKeyStore } from '../../../src/core/store.ts';
import { freePort } from '../../support/free-port.ts';
import { openedKek, openedStore, unique, uriText } from '../../support/opened-doors.ts';

export { unique } from '../../support/opened-doors.ts';

interface Teardown {
  teardown(fn: () => unknown): unknown;
}

export const REGION = 'eu-west-1';

/** References in the URIs of these tests lead to a variable of this name, and nowhere else. */
export const secrets: SecretSource = {
  env: { TEST_ACCESS_KEY: 'test', STRICT_ACCESS_KEY: 'emulator-secret' },
  readFile: () => {
    throw Object.assign(new Error('no files here'), { code: 'ENOENT' });
  },
};

/** A KEK of a URI's `?…`, closed with the test. */
export function openTestKek(t: Teardown, query: Record<string, string>, timeoutMs?: number): Promise<Kek> {
  return openedKek(t, uriText('kms://aws', query), { secrets, timeoutMs });
}

/** A store of a URI's `?…`, closed with the test. */
export function openTestStore(
  t: Teardown,
  query: Record<string, string>,
  timeoutMs?: number,
): Promise<WrappedKeyStore> {
  return openedStore(t, uriText('storage://aws', query), { secrets, timeoutMs });
}

/** What moto takes: any credentials. */
export function motoQuery(env: Record<string, string>): Record<string, string> {
  return {
    endpoint: env['AWS_ENDPOINT_URL'] as string,
    region: REGION,
    accessKeyID: 'test',
    accessKey: 'env://TEST_ACCESS_KEY',
  };
}

/** What versitygw takes: its one user and its one region. */
export function strictQuery(env: Record<string, string>): Record<string, string> {
  return {
    endpoint: env['S3_STRICT_ENDPOINT_URL'] as string,
    region: 'us-east-1',
    accessKeyID: env['S3_STRICT_ACCESS_KEY_ID'] as string,
    accessKey: 'env://STRICT_ACCESS_KEY',
  };
}

/** An administrator of keys at moto. */
export function keyAdmin(t: Teardown, env: Record<string, string>, region = REGION) {
  const kms = new KMSClient({
    endpoint: env['AWS_ENDPOINT_URL'] as string,
    region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  t.teardown(() => kms.destroy());
  return {
    async create(input: CreateKeyCommandInput = {}): Promise<{ id: string; arn: string }> {
      const { KeyMetadata } = await kms.send(new CreateKeyCommand(input));
      return { id: KeyMetadata?.KeyId as string, arn: KeyMetadata?.Arn as string };
    },
    async encrypt(id: string, plaintext: Uint8Array): Promise<Uint8Array> {
      return (await kms.send(new EncryptCommand({ KeyId: id, Plaintext: plaintext }))).CiphertextBlob as Uint8Array;
    },
    disable: (id: string) => kms.send(new DisableKeyCommand({ KeyId: id })),
    enable: (id: string) => kms.send(new EnableKeyCommand({ KeyId: id })),
    cancelDeletion: (id: string) => kms.send(new CancelKeyDeletionCommand({ KeyId: id })),
    scheduleDeletion: (id: string) => kms.send(new ScheduleKeyDeletionCommand({ KeyId: id, PendingWindowInDays: 7 })),
    alias: (name: string, id: string) => kms.send(new CreateAliasCommand({ AliasName: name, TargetKeyId: id })),
    moveAlias: (name: string, id: string) => kms.send(new UpdateAliasCommand({ AliasName: name, TargetKeyId: id })),
  };
}

/** A client of the test's own, to look behind the store. */
export function bucketAdmin(t: Teardown, query: Record<string, string>): S3Client {
  const s3 = new S3Client({
    endpoint: query['endpoint'] as string,
    region: query['region'] as string,
    forcePathStyle: true,
    credentials: {
      accessKeyId: query['accessKeyID'] as string,
      secretAccessKey: secrets.env[(query['accessKey'] as string).slice('env://'.length)] as string,
    },
  });
  t.teardown(() => s3.destroy());
  return s3;
}

/** A new bucket, with the URI's names for it. */
export async function newBucket(t: Teardown, query: Record<string, string>): Promise<Record<string, string>> {
  const bucket = unique('keystead');
  await bucketAdmin(t, query).send(new CreateBucketCommand({ Bucket: bucket }));
  return { ...query, bucket };
}

/** A server of the test's own on loopback, closed with the test; gives its address. */
export async function stubServer(t: Teardown, handle: RequestListener): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An address that refuses connections. */
export async function deadAddress(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`;
}
