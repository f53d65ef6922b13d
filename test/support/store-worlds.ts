import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { bucketAdmin, motoQuery, newBucket } from '../providers/aws/aws.ts';
import { azureEmulators, blobQuery, containerAdmin, newContainer } from '../providers/azure/azure.ts';
import { s3Error } from './bad-day.ts';
import { emulators } from './emulators.ts';
import type { WireScript } from './fault-proxy.ts';
import { unique, uriText } from './opened-doors.ts';

type Test = Parameters<typeof emulators>[0];
type Env = Record<string, string>;

/** What goes wrong at a store, as its server says it. */
export type StoreTrouble = 'no-bucket' | 'expired' | 'throttled' | 'broken' | 'denied';

/** An empty bucket or container of one cloud's emulator, and how its server speaks. */
export interface StoreWorld {
  /** What the emulators want of their clients. */
  readonly env: Env;
  /** Names of its URI. */
  readonly at: Env;
  /** Where its calls go by themselves. */
  readonly endpoint: string;
  /** Its URI. @param over other names than its own. */
  uri(over?: Env): string;
  /** Past every check of ours: undefined where there is nothing. */
  get(name: string): Promise<{ readonly body: string; readonly etag: string } | undefined>;
  put(name: string, body: string): Promise<unknown>;
  readonly says: Readonly<Record<StoreTrouble, WireScript>>;
  isWrite(method: string, url: string): boolean;
  /** Whether a request reads the record of a data key. */
  isRead(method: string, url: string): boolean;
  /** The answer to a write that took place. */
  readonly written: WireScript;
  /** The answer to a read. */
  gives(record: { readonly body: string; readonly etag: string }): WireScript;
  /** Where a record is read. */
  pathOf(name: string): string;
  /** The same request without what makes a create, or a replace, conditional. */
  blind(to: 'create' | 'replace'): { readonly drops: readonly string[]; url?(url: string): string };
}

const names = (at: Env, over: Env = {}) => ({ ...at, ...over });
const isOfDataKeys = (url: string) => /\bdata-keys(\/|%2F)/i.test(url);

/** By name: opens new ones, each empty; undefined where the emulators are not installed, and the test is skipped then. */
export const STORE_WORLDS: Readonly<
  Record<string, (t: Test) => Promise<((t: Test) => Promise<StoreWorld>) | undefined>>
> = {
  async S3(t) {
    const env = await emulators(t, ['moto']);
    return env && ((t) => s3World(t, env));
  },
  async 'Cloud Storage'(t) {
    const env = await emulators(t, ['fake-gcs']);
    return env && (() => gcsWorld(env));
  },
  async 'Blob Storage'(t) {
    const env = await azureEmulators(t, ['azurite', 'oidc']);
    return env && (() => blobWorld(env));
  },
};

async function s3World(t: Test, env: Env): Promise<StoreWorld> {
  const at = await newBucket(t, motoQuery(env));
  const { bucket: Bucket = '', endpoint = '' } = at;
  const s3 = bucketAdmin(t, at);
  return {
    env,
    at,
    endpoint,
    uri: (over) => uriText('storage://aws', names(at, over)),
    async get(Key) {
      const found = await s3.send(new GetObjectCommand({ Bucket, Key })).catch(() => undefined);
      return found && { body: (await found.Body?.transformToString()) ?? '', etag: found.ETag ?? '' };
    },
    put: (Key, Body) => s3.send(new PutObjectCommand({ Bucket, Key, Body })),
    says: {
      'no-bucket': s3Error(404, 'NoSuchBucket'),
      expired: s3Error(400, 'ExpiredToken'),
      throttled: s3Error(503, 'SlowDown'),
      broken: s3Error(500, 'InternalError'),
      denied: s3Error(403, 'AccessDenied'),
    },
    isWrite: (method) => method === 'PUT',
    isRead: (method, url) => method === 'GET' && isOfDataKeys(url) && !url.includes('list-type'),
    written: { status: 200, headers: { etag: '"a"' } },
    gives: ({ body, etag }) => ({ status: 200, headers: { etag }, body }),
    pathOf: (name) => `/${Bucket}/${name}?x-id=GetObject`,
    blind: (to) => ({ drops: [to === 'create' ? 'if-none-match' : 'if-match'] }),
  };
}

async function gcsWorld(env: Env): Promise<StoreWorld> {
  const endpoint = env['GCS_ENDPOINT_URL'] ?? '';
  const bucket = unique('keystead');
  await fetch(`${endpoint}/storage/v1/b?project=p`, { method: 'POST', body: JSON.stringify({ name: bucket }) });
  const at = { projectID: 'p', bucket, endpoint };
  const pathOf = (name: string) => `/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}?alt=media`;
  const error = (code: number, reason: string, message: string): WireScript => ({
    status: code,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ error: { code, message, errors: [{ message, domain: 'global', reason }] } }),
  });
  const headers = { 'content-type': 'application/json' };
  return {
    env,
    at,
    endpoint,
    uri: (over) => uriText('storage://gcp', names(at, over)),
    async get(name) {
      const answer = await fetch(`${endpoint}${pathOf(name)}`);
      if (!answer.ok) return undefined;
      return { body: await answer.text(), etag: answer.headers.get('x-goog-generation') ?? '' };
    },
    async put(name, body) {
      const query = `uploadType=media&name=${encodeURIComponent(name)}`;
      await fetch(`${endpoint}/upload/storage/v1/b/${bucket}/o?${query}`, { method: 'POST', body });
    },
    says: {
      'no-bucket': error(404, 'notFound', 'The specified bucket does not exist.'),
      expired: error(401, 'authError', 'Invalid Credentials'),
      throttled: error(429, 'rateLimitExceeded', 'The object exceeded the rate limit for object mutation operations.'),
      broken: error(503, 'backendError', 'Backend Error'),
      denied: error(403, 'forbidden', 'sa@p.iam.gserviceaccount.com does not have storage.objects.create access.'),
    },
    isWrite: (method, url) => method === 'POST' && url.startsWith('/upload/'),
    isRead: (method, url) => method === 'GET' && url.includes('/o/') && isOfDataKeys(url),
    written: { status: 200, headers, body: '{"generation":"1"}' },
    gives: ({ body, etag }) => ({ status: 200, headers: { 'x-goog-generation': etag }, body }),
    pathOf,
    blind: (to) => ({
      drops: [],
      url: (url) => url.replace(to === 'create' ? /&?ifGenerationMatch=0\b/ : /&?ifGenerationMatch=[1-9]\d*/, ''),
    }),
  };
}

async function blobWorld(env: Env): Promise<StoreWorld> {
  const at = await newContainer(blobQuery(env));
  const { container = '', endpoint = '' } = at;
  const admin = containerAdmin(at, container);
  const error = (status: number, code: string): WireScript => ({
    status,
    headers: { 'content-type': 'application/xml', 'x-ms-error-code': code },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>as Azure says it</Message></Error>`,
  });
  const modified = 'Sat, 01 Jan 2028 00:00:00 GMT';
  return {
    env,
    at,
    endpoint,
    uri: (over) => uriText('storage://azure', names(at, over)),
    async get(name) {
      const found = await admin
        .getBlockBlobClient(name)
        .download()
        .catch(() => undefined);
      if (found === undefined) return undefined;
      const chunks: Uint8Array[] = [];
      for await (const chunk of found.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
      return { body: Buffer.concat(chunks).toString(), etag: found.etag ?? '' };
    },
    put: (name, body) => admin.getBlockBlobClient(name).upload(body, Buffer.byteLength(body)),
    says: {
      'no-bucket': error(404, 'ContainerNotFound'),
      expired: {
        ...error(401, 'InvalidAuthenticationInfo'),
        body: '<Error><Code>InvalidAuthenticationInfo</Code><Message>Lifetime validation failed. The token is expired.</Message></Error>',
      },
      throttled: error(503, 'ServerBusy'),
      broken: error(500, 'InternalError'),
      denied: error(403, 'AuthorizationPermissionMismatch'),
    },
    isWrite: (method) => method === 'PUT',
    isRead: (method, url) => method === 'GET' && isOfDataKeys(url) && !url.includes('comp=list'),
    written: { status: 201, headers: { etag: '"0x8D0000000000001"', 'last-modified': modified } },
    gives: ({ body, etag }) => ({
      status: 200,
      headers: { etag, 'last-modified': modified, 'content-length': String(Buffer.byteLength(body)) },
      body,
    }),
    pathOf: (name) => `${new URL(endpoint).pathname}/${container}/${encodeURIComponent(name)}`,
    blind: (to) => ({ drops: [to === 'create' ? 'if-none-match' : 'if-match'] }),
  };
}
