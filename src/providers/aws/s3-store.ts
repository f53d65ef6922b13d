import type { GetObjectCommandOutput, ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Page, Stored, WrappedKeyStore } from '../../core/store.ts';
import { proveConditionalWrites } from '../../core/store-check.ts';
import { UPSTREAM_MS, upstream } from '../../core/upstream.ts';
import { uriWithoutCredentials } from '../../core/uri.ts';
import type { StorageUriOf } from '../../core/uri-schemas.ts';
import { MAX_RECORD_LENGTH } from '../../core/wrapped-record.ts';
import { type AwsS3, openS3, type PlaceDeps, placeOf } from './client.ts';
import { awsError } from './errors.ts';
import { createBucket } from './s3-bucket.ts';

/** Bytes of UTF-8 that S3 allows in a key. */
const MAX_NAME_LENGTH = 1024;
/** Names that S3 gives in one answer. */
const MAX_PAGE = 1000;

/** Opens `storage://aws`. Throws what `placeOf` and `openS3` throw. Makes no call to AWS. */
export async function openS3Store(
  uri: StorageUriOf<'aws'>,
  deps: PlaceDeps & { readonly timeoutMs?: number },
): Promise<WrappedKeyStore> {
  if (uri.bucket.endsWith('--x-s3')) {
    throw new KeysteadError(
      'not-supported',
      `bucket ${uri.bucket} is a directory bucket, which does not list in order; give a general purpose bucket`,
    );
  }
  const timeoutMs = deps.timeoutMs ?? UPSTREAM_MS;
  return new S3Store(uri, await openS3(await placeOf(uri, deps), timeoutMs), timeoutMs);
}

/**
 * Records as objects of a bucket, named by the prefix of the URI and the record's name, as they are.
 *
 * Promises what `WrappedKeyStore` does, by conditional writes: `If-None-Match: *` and `If-Match`. `create` may say false
 * of a record that it wrote itself, when the SDK repeated a request whose answer was lost; never true of another's.
 * Does not promise: that of two who delete one record at once only one is told so.
 */
class S3Store implements WrappedKeyStore {
  readonly uri: string;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #create: boolean;
  readonly #s3: AwsS3;
  readonly #timeoutMs: number;

  constructor(uri: StorageUriOf<'aws'>, s3: AwsS3, timeoutMs: number) {
    this.uri = uriWithoutCredentials(uri);
    this.#bucket = uri.bucket;
    this.#prefix = uri.prefix ?? '';
    this.#create = uri.create;
    this.#s3 = s3;
    this.#timeoutMs = timeoutMs;
  }

  async read(name: string, call: Call): Promise<Stored | undefined> {
    return this.#send(call, (signal) => this.#get(name, undefined, signal), { NoSuchKey: () => undefined });
  }

  async create(name: string, bytes: Uint8Array, call: Call): Promise<boolean> {
    const conflict = async () => {
      // Someone else is writing it, or deleting it, at this moment.
      if ((await this.read(name, call)) !== undefined) return false;
      throw new KeysteadError('concurrent-write', `the record ${name} is being changed by someone else; try again`);
    };
    return this.#send(
      call,
      async (signal) => {
        await this.#put(name, bytes, { IfNoneMatch: '*' }, signal);
        return true;
      },
      { PreconditionFailed: () => false, ConditionalRequestConflict: conflict },
    );
  }

  async replace(name: string, bytes: Uint8Array, etag: string, call: Call): Promise<void> {
    const stale = staleOf(name);
    await this.#send(call, (signal) => this.#put(name, bytes, { IfMatch: etag }, signal), stale);
  }

  async delete(name: string, etag: string, call: Call): Promise<void> {
    const stale = staleOf(name);
    await this.#send(
      call,
      async (signal) => {
        // S3 answers that it has deleted what was not there, so look first.
        await this.#get(name, etag, signal);
        const input = { Bucket: this.#bucket, Key: this.#keyOf(name), IfMatch: etag };
        await this.#s3.client.send(new this.#s3.sdk.DeleteObjectCommand(input), { abortSignal: signal });
      },
      stale,
    );
  }

  async list(prefix: string, from: string | undefined, limit: number, call: Call): Promise<Page<string>> {
    // `next` is the smallest name after the last one given, and S3 wants that last one itself.
    const after = from?.endsWith('\0') ? from.slice(0, -1) : from;
    const items = from !== undefined && after === from && (await this.#isThere(prefix, from, call)) ? [from] : [];
    let last = after;
    for (;;) {
      const page = await this.#page(prefix, last, Math.min(limit - items.length, MAX_PAGE), call);
      items.push(...page.names);
      last = items.at(-1);
      if (!page.more || last === undefined) return { items };
      if (items.length >= limit) return { items, next: `${last}\0` };
    }
  }

  async check(call: Call): Promise<void> {
    // Not HeadBucket: its refusals have no text, so that nobody could tell expired credentials from a wrong region.
    const absent = this.#create ? { NoSuchBucket: () => undefined } : {};
    const found = await this.#send(call, (signal) => this.#names({ MaxKeys: 1 }, signal), absent);
    if (found === undefined) await this.#send(call, (signal) => createBucket(this.#s3, this.#bucket, signal));
    await proveConditionalWrites(this, call);
  }

  async close(): Promise<void> {
    this.#s3.client.destroy();
  }

  async #get(name: string, etag: string | undefined, signal: AbortSignal): Promise<Stored> {
    const input = { Bucket: this.#bucket, Key: this.#keyOf(name), ...(etag === undefined ? {} : { IfMatch: etag }) };
    const answer = await this.#s3.client.send(new this.#s3.sdk.GetObjectCommand(input), { abortSignal: signal });
    const bytes = await bodyOf(answer, name, signal);
    if (answer.ETag === undefined) throw new KeysteadError('not-supported', `${this.uri} gives no ETag`);
    return { bytes, etag: answer.ETag };
  }

  async #put(
    name: string,
    bytes: Uint8Array,
    condition: { readonly IfNoneMatch: '*' } | { readonly IfMatch: string },
    signal: AbortSignal,
  ): Promise<void> {
    const input = {
      Bucket: this.#bucket,
      Key: this.#keyOf(name),
      Body: bytes,
      ContentType: 'application/json',
      ...condition,
    };
    await this.#s3.client.send(new this.#s3.sdk.PutObjectCommand(input), { abortSignal: signal });
  }

  async #isThere(prefix: string, name: string, call: Call): Promise<boolean> {
    if (!name.startsWith(prefix)) return false;
    // No name that begins with `name` comes before it.
    const { names } = await this.#send(call, (signal) =>
      this.#names({ Prefix: this.#prefix + name, MaxKeys: 1 }, signal),
    );
    return names[0] === name;
  }

  async #page(prefix: string, after: string | undefined, limit: number, call: Call) {
    if (limit <= 0) return { names: [], more: true };
    const start = after === undefined ? {} : { StartAfter: this.#prefix + after };
    return this.#send(call, (signal) =>
      this.#names({ Prefix: this.#prefix + prefix, MaxKeys: limit, ...start }, signal),
    );
  }

  async #names(input: { Prefix?: string; StartAfter?: string; MaxKeys: number }, signal: AbortSignal) {
    const command = new this.#s3.sdk.ListObjectsV2Command({ Bucket: this.#bucket, EncodingType: 'url', ...input });
    const answer = await this.#s3.client.send(command, { abortSignal: signal });
    return { names: namesOf(answer).map((key) => key.slice(this.#prefix.length)), more: answer.IsTruncated === true };
  }

  #keyOf(name: string): string {
    const key = this.#prefix + name;
    const length = Buffer.byteLength(key);
    if (name !== '' && length <= MAX_NAME_LENGTH) return key;
    throw new KeysteadError(
      'not-supported',
      `S3 takes names of 1 to ${MAX_NAME_LENGTH} bytes with the prefix, this one has ${length}`,
    );
  }

  /** @param answers what an error's name means here. Never its status: a proxy's 404 is no absent record. */
  async #send<T, S = never>(
    call: Call,
    run: (signal: AbortSignal) => Promise<T>,
    answers: Readonly<Record<string, () => S | Promise<S>>> = {},
  ): Promise<T | S> {
    const bucket = `bucket ${this.#bucket}`;
    const result = await upstream<{ readonly value: T } | { readonly answer: () => S | Promise<S> }>(call, {
      timeoutMs: this.#timeoutMs,
      timedOut: () => new KeysteadError('store-timeout', `${bucket}: S3 did not answer in ${this.#timeoutMs} ms`),
      run: async (signal) => {
        try {
          return { value: await run(signal) };
        } catch (error) {
          const name = error instanceof Error ? error.name : '';
          if (Object.hasOwn(answers, name)) return { answer: answers[name] as () => S | Promise<S> };
          throw awsError(error, { side: 'store', name: bucket });
        }
      },
    });
    return 'value' in result ? result.value : result.answer();
  }
}

/** Keys of an answer; where the server honoured `EncodingType`, it says so. */
function namesOf(answer: ListObjectsV2CommandOutput): string[] {
  const keys = (answer.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
  return answer.EncodingType === 'url' ? keys.map((key) => decodeURIComponent(key.replaceAll('+', ' '))) : keys;
}

/** Reads no more than a record can have: the bucket may hold anything. */
async function bodyOf(answer: GetObjectCommandOutput, name: string, signal: AbortSignal): Promise<Uint8Array> {
  const body = answer.Body as (AsyncIterable<Uint8Array> & { destroy(): void }) | undefined;
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stop = () => body?.destroy();
  signal.addEventListener('abort', stop);
  try {
    for await (const chunk of body ?? []) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_RECORD_LENGTH) {
        throw new KeysteadError('record-corrupt', `the record ${name} has more than ${MAX_RECORD_LENGTH} bytes`);
      }
    }
    return Uint8Array.from(Buffer.concat(chunks));
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

/** What the answers of S3 to a condition on an etag mean. */
function staleOf(name: string): Readonly<Record<string, () => never>> {
  const stale = () => {
    throw new KeysteadError(
      'stale-etag',
      `the record ${name} has changed since it was read, or is gone; read it again`,
    );
  };
  return { NoSuchKey: stale, PreconditionFailed: stale, ConditionalRequestConflict: stale };
}
