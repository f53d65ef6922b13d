import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Page, Stored, WrappedKeyStore } from '../../core/store.ts';
import { proveConditionalWrites } from '../../core/store-check.ts';
import { UPSTREAM_MS, upstream } from '../../core/upstream.ts';
import { uriWithoutCredentials } from '../../core/uri.ts';
import type { StorageUriOf } from '../../core/uri-schemas.ts';
import { MAX_RECORD_LENGTH } from '../../core/wrapped-record.ts';
import { type ClientDeps, type StorageClient, type StorageRequest, storageClient } from './client.ts';
import { crc32cText } from './crc32c.ts';
import { storeError } from './errors.ts';
import { type Failure, failureOf } from './failure.ts';

/** The most that Cloud Storage gives in one answer. */
const MAX_PAGE = 1000;

/** Opens the store that a `storage://gcp` URI names. Calls nobody: `check` finds out, and creates with `create=true`. */
export async function openGcsStore(uri: StorageUriOf<'gcp'>, deps: ClientDeps): Promise<WrappedKeyStore> {
  return new GcsStore(uri, await storageClient(uri, deps), deps);
}

/**
 * A bucket of Cloud Storage; the etag is the object's generation.
 *
 * Every write is conditional on the generation, so the SDK may send it twice: `create` may then say false of its own
 * success, and never true of another's; `replace` and `delete` may say `stale-etag` of their own.
 */
class GcsStore implements WrappedKeyStore {
  readonly uri: string;
  readonly #at: StorageUriOf<'gcp'>;
  readonly #prefix: string;
  readonly #client: StorageClient;
  readonly #timeoutMs: number;

  constructor(uri: StorageUriOf<'gcp'>, client: StorageClient, deps: ClientDeps) {
    this.uri = uriWithoutCredentials(uri);
    this.#at = uri;
    this.#prefix = uri.prefix ?? '';
    this.#client = client;
    this.#timeoutMs = deps.timeoutMs ?? UPSTREAM_MS;
  }

  read(name: string, call: Call): Promise<Stored | undefined> {
    return this.#ask(call, async (signal) => {
      const path = `${this.#objects()}/${encodeURIComponent(this.#prefix + name)}`;
      const found = await absent(this.#client.media({ method: 'GET', path, params: { alt: 'media' }, signal }));
      if (found === undefined) return undefined;
      const etag = found.headers.get('x-goog-generation');
      const bytes = await wholeBody(found.body, name);
      const sum = /crc32c=([A-Za-z0-9+/=]+)/.exec(found.headers.get('x-goog-hash') ?? '')?.[1];
      if (sum !== undefined && sum !== crc32cText(bytes)) {
        throw new KeysteadError(
          'store-unreachable',
          `${this.#what()}: the record ${name} was damaged on its way; try again`,
        );
      }
      if (etag === null)
        throw new KeysteadError('not-supported', `${this.#what()}: it gives its objects no generation`);
      return { bytes, etag };
    });
  }

  create(name: string, bytes: Uint8Array, call: Call): Promise<boolean> {
    return this.#ask(call, async (signal) => {
      const written = await unlessStale(this.#upload(name, bytes, '0', signal));
      return written !== undefined;
    });
  }

  replace(name: string, bytes: Uint8Array, etag: string, call: Call): Promise<void> {
    return this.#ask(call, async (signal) => {
      await mustBeThere(name, this.#upload(name, bytes, generation(etag, name), signal));
    });
  }

  delete(name: string, etag: string, call: Call): Promise<void> {
    return this.#ask(call, async (signal) => {
      const path = `${this.#objects()}/${encodeURIComponent(this.#prefix + name)}`;
      const params = { ifGenerationMatch: generation(etag, name) };
      const request: StorageRequest = { method: 'DELETE', path, params, signal };
      if ((await absent(mustBeThere(name, this.#client.json(request)))) === undefined) throw stale(name);
    });
  }

  /** One name more than asked for, which is where the next page begins: no page token has to live. */
  list(prefix: string, from: string | undefined, limit: number, call: Call): Promise<Page<string>> {
    return this.#ask(call, async (signal) => {
      const names: string[] = [];
      let token: string | undefined;
      do {
        const params = {
          prefix: this.#prefix + prefix,
          fields: 'items(name),nextPageToken',
          maxResults: String(Math.min(limit + 1 - names.length, MAX_PAGE)),
          ...(from === undefined ? {} : { startOffset: this.#prefix + from }),
          ...(token === undefined ? {} : { pageToken: token }),
        };
        const answer = await this.#client.json({ method: 'GET', path: this.#objects(), params, signal });
        const { items = [], nextPageToken } = answer as { items?: { name: string }[]; nextPageToken?: string };
        names.push(...items.map((item) => item.name.slice(this.#prefix.length)));
        token = nextPageToken;
      } while (token !== undefined && names.length <= limit);
      const next = names[limit];
      return next === undefined ? { items: names } : { items: names.slice(0, limit), next };
    });
  }

  async check(call: Call): Promise<void> {
    const found = await this.#ask(call, (signal) => this.#bucket(signal));
    if (!found) await this.#ask(call, (signal) => this.#createBucket(signal));
    await proveConditionalWrites(this, call);
  }

  /** Nothing is held open: connections end by themselves. */
  async close(): Promise<void> {}

  /** False where there is no bucket and one may be created. */
  async #bucket(signal: AbortSignal): Promise<boolean> {
    const path = `/storage/v1/b/${encodeURIComponent(this.#at.bucket)}`;
    const found = this.#client.json({ method: 'GET', path, params: { fields: 'name' }, signal });
    return (
      (await unless(found, ({ http, reason }) => this.#at.create && http === 404 && reason === 'notFound')) !==
      undefined
    );
  }

  async #createBucket(signal: AbortSignal): Promise<void> {
    const data = {
      name: this.#at.bucket,
      ...(this.#at.location === undefined ? {} : { location: this.#at.location }),
      iamConfiguration: { uniformBucketLevelAccess: { enabled: true }, publicAccessPrevention: 'enforced' },
      labels: { 'created-by': 'keystead' },
    };
    try {
      await this.#client.json({
        method: 'POST',
        path: '/storage/v1/b',
        params: { project: this.#at.projectID },
        data,
        signal,
      });
    } catch (error) {
      // Another process was first, or somebody else has a bucket of this name: looking again tells.
      if (failureOf(error).http !== 409) throw error;
      if (!(await this.#bucket(signal))) throw error;
    }
  }

  /** Metadata and bytes in one request, so that Cloud Storage compares the checksum before the object appears. */
  #upload(name: string, bytes: Uint8Array, ifGenerationMatch: string, signal: AbortSignal): Promise<unknown> {
    const boundary = randomUUID();
    const metadata = {
      name: this.#prefix + name,
      contentType: 'application/octet-stream',
      cacheControl: 'no-store',
      crc32c: crc32cText(bytes),
    };
    const data = Buffer.concat([
      Buffer.from(
        `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify(metadata)}\r\n`,
      ),
      Buffer.from(`--${boundary}\r\nContent-Type: ${metadata.contentType}\r\n\r\n`),
      bytes,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
    return this.#client.json({
      method: 'POST',
      path: `/upload${this.#objects()}`,
      params: { uploadType: 'multipart', ifGenerationMatch, fields: 'generation' },
      headers: { 'Content-Type': `multipart/related; boundary=${boundary}` },
      data,
      signal,
    });
  }

  async #ask<T>(call: Call, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timeoutMs = this.#timeoutMs;
    const timedOut = () =>
      new KeysteadError('store-timeout', `${this.#what()}: Cloud Storage did not answer within ${timeoutMs} ms`);
    try {
      return await upstream(call, { timeoutMs, timedOut, run });
    } catch (error) {
      throw storeError(error, this.#what());
    }
  }

  #objects(): string {
    return `/storage/v1/b/${encodeURIComponent(this.#at.bucket)}/o`;
  }

  #what(): string {
    return `storage://gcp: bucket ${this.#at.bucket}`;
  }
}

/** The body, which may be no longer than a record: whoever can write to the bucket must not fill our memory. */
async function wholeBody(body: Readable, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_RECORD_LENGTH) {
      throw new KeysteadError('record-corrupt', `the record ${name} is longer than ${MAX_RECORD_LENGTH} bytes`);
    }
    chunks.push(chunk);
  }
  return Uint8Array.from(Buffer.concat(chunks));
}

/** Undefined where there is no such object. Only where Cloud Storage says it: a proxy's 404 is no absent record. */
function absent<T>(answer: Promise<T>): Promise<T | undefined> {
  return unless(answer, ({ http, reason, text }) => {
    const saysSo = reason === 'notFound' || /^(no such object|not found$)/im.test(text);
    return http === 404 && saysSo && !/bucket does not exist/i.test(text);
  });
}

/** Undefined where the condition did not hold. */
function unlessStale<T>(answer: Promise<T>): Promise<T | undefined> {
  return unless(answer, ({ http }) => http === 412);
}

async function unless<T>(answer: Promise<T>, expected: (failure: Failure) => boolean): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (!expected(failureOf(error))) throw error;
    return undefined;
  }
}

async function mustBeThere(name: string, answer: Promise<unknown>): Promise<unknown> {
  const done = await unlessStale(answer);
  if (done === undefined) throw stale(name);
  return done;
}

/** What `read` gave; anything else cannot match and must not reach the query, where 0 means "not there". */
function generation(etag: string, name: string): string {
  if (!/^[1-9]\d{0,18}$/.test(etag)) throw stale(name);
  return etag;
}

function stale(name: string): KeysteadError {
  return new KeysteadError('stale-etag', `the record ${name} has changed since it was read, or is gone; read it again`);
}
