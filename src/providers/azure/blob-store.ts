import type { Readable } from 'node:stream';
import type { ContainerClient, ContainerListBlobFlatSegmentResponse } from '@azure/storage-blob';
import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Page, Stored, WrappedKeyStore } from '../../core/store.ts';
import { proveConditionalWrites } from '../../core/store-check.ts';
import { UPSTREAM_MS, upstream } from '../../core/upstream.ts';
import { uriWithoutCredentials } from '../../core/uri.ts';
import type { StorageUriOf } from '../../core/uri-schemas.ts';
import { MAX_RECORD_LENGTH } from '../../core/wrapped-record.ts';
import { type ClientDeps, openContainer } from './client.ts';
import { storeError } from './errors.ts';
import { failureOf } from './failure.ts';

/** Characters that Azure allows in a name. */
const MAX_NAME_LENGTH = 1024;
const DOTS_ALONE = /(^|\/)\.{1,2}(\/|$)/;
/** Names that Azure gives in one answer. */
const MAX_PAGE = 5000;

/** Opens `storage://azure`. Throws what `openContainer` throws. Makes no call to Azure. */
export async function openBlobStore(uri: StorageUriOf<'azure'>, deps: ClientDeps): Promise<WrappedKeyStore> {
  return new BlobStore(uri, await openContainer(uri, deps), deps.timeoutMs ?? UPSTREAM_MS);
}

/**
 * Records as block blobs of a container, named by the prefix of the URI and the record's name, as they are.
 *
 * Promises what `WrappedKeyStore` does, by conditional writes: `If-None-Match: *` and `If-Match`. `create` may say false
 * of a record that it wrote itself, when the SDK repeated a request whose answer was lost, and `replace` and `delete`
 * `stale-etag` of their own; never true of another's.
 */
class BlobStore implements WrappedKeyStore {
  readonly uri: string;
  readonly #what: string;
  readonly #prefix: string;
  readonly #create: boolean;
  readonly #container: ContainerClient;
  readonly #timeoutMs: number;

  constructor(uri: StorageUriOf<'azure'>, container: ContainerClient, timeoutMs: number) {
    this.uri = uriWithoutCredentials(uri);
    this.#what = `container ${uri.container} of account ${uri.account}`;
    this.#prefix = uri.prefix ?? '';
    this.#create = uri.create;
    this.#container = container;
    this.#timeoutMs = timeoutMs;
  }

  read(name: string, call: Call): Promise<Stored | undefined> {
    const answers = { BlobNotFound: () => undefined };
    return this.#send(call, (abortSignal) => this.#download(name, abortSignal), answers);
  }

  create(name: string, bytes: Uint8Array, call: Call): Promise<boolean> {
    const exists = () => false;
    return this.#send(
      call,
      async (abortSignal) => {
        await this.#upload(name, bytes, { ifNoneMatch: '*' }, abortSignal);
        return true;
      },
      { BlobAlreadyExists: exists, ConditionNotMet: exists },
    );
  }

  async replace(name: string, bytes: Uint8Array, etag: string, call: Call): Promise<void> {
    const ifMatch = strongEtag(etag, name);
    await this.#send(call, (abortSignal) => this.#upload(name, bytes, { ifMatch }, abortSignal), stale(name));
  }

  async delete(name: string, etag: string, call: Call): Promise<void> {
    const options = { conditions: { ifMatch: strongEtag(etag, name) }, deleteSnapshots: 'include' as const };
    await this.#send(
      call,
      async (abortSignal) => void (await this.#blob(name).delete({ ...options, abortSignal })),
      stale(name),
    );
  }

  /**
   * `next` is the last name given and Azure's marker for what follows, a NUL between them. Without a marker, or with one
   * that Azure does not take, the list is walked from its beginning.
   */
  list(prefix: string, from: string | undefined, limit: number, call: Call): Promise<Page<string>> {
    const cut = from?.indexOf('\0') ?? -1;
    const marker = cut < 0 ? undefined : from?.slice(cut + 1) || undefined;
    const after = cut < 0 ? undefined : from?.slice(0, cut);
    const wanted = (name: string) => (after === undefined ? from === undefined || name >= from : name > after);
    return this.#send(call, async (abortSignal) => {
      const walk = (at: string | undefined) => this.#walk({ prefix, at, wanted, limit, abortSignal });
      try {
        return await walk(marker);
      } catch (error) {
        if (marker === undefined || failureOf(error).status !== 400) throw error;
        return walk(undefined);
      }
    });
  }

  async check(call: Call): Promise<void> {
    // Not the container's properties: to read them is one more right.
    const look = (abortSignal: AbortSignal) =>
      this.#walk({ prefix: '', at: undefined, wanted: () => true, limit: 1, abortSignal });
    const absent = this.#create ? { ContainerNotFound: () => undefined } : {};
    const found = await this.#send(call, look, absent);
    if (found === undefined) await this.#send(call, (abortSignal) => this.#createContainer(abortSignal));
    await proveConditionalWrites(this, call);
  }

  /** Nothing is held open: connections end by themselves. */
  async close(): Promise<void> {}

  /** Without public access, and with a word on who made it. One that another process has just created is as good. */
  async #createContainer(abortSignal: AbortSignal): Promise<void> {
    try {
      await this.#container.create({ metadata: { createdby: 'keystead' }, abortSignal });
    } catch (error) {
      if (failureOf(error).code !== 'ContainerAlreadyExists') throw error;
    }
  }

  async #download(name: string, abortSignal: AbortSignal): Promise<Stored> {
    const answer = await this.#blob(name).download(0, undefined, { abortSignal });
    const bytes = await wholeBody(answer.readableStreamBody as Readable | undefined, name);
    if (answer.etag === undefined) throw new KeysteadError('not-supported', `${this.#what} gives no ETag`);
    return { bytes, etag: answer.etag };
  }

  async #upload(
    name: string,
    bytes: Uint8Array,
    conditions: { readonly ifNoneMatch: '*' } | { readonly ifMatch: string },
    abortSignal: AbortSignal,
  ): Promise<void> {
    const blobHTTPHeaders = { blobContentType: 'application/json', blobCacheControl: 'no-store' };
    await this.#blob(name).upload(bytes, bytes.length, { conditions, blobHTTPHeaders, abortSignal });
  }

  async #walk(from: Walk): Promise<Page<string>> {
    const { prefix, at, wanted, limit, abortSignal } = from;
    const names: string[] = [];
    let marker = at;
    let skipping = false;
    do {
      const pages = this.#container.listBlobsFlat({ prefix: this.#prefix + prefix, abortSignal }).byPage({
        maxPageSize: skipping ? MAX_PAGE : Math.min(limit - names.length, MAX_PAGE),
        ...(marker === undefined ? {} : { continuationToken: marker }),
      });
      const page: ContainerListBlobFlatSegmentResponse | undefined = (await pages.next()).value;
      const given = (page?.segment.blobItems ?? []).map((blob) => blob.name.slice(this.#prefix.length));
      assertOrdered([...names.slice(-1), ...given], this.#what);
      const fitting = given.filter(wanted);
      skipping = fitting.length === 0;
      names.push(...fitting);
      marker = page?.continuationToken || undefined;
    } while (marker !== undefined && names.length < limit);
    if (names.length > limit) return { items: names.slice(0, limit), next: `${names[limit - 1]}\0` };
    return marker === undefined ? { items: names } : { items: names, next: `${names.at(-1)}\0${marker}` };
  }

  #blob(name: string) {
    const key = this.#prefix + name;
    if (name === '' || key.length > MAX_NAME_LENGTH) {
      const limits = `Azure takes names of 1 to ${MAX_NAME_LENGTH} characters with the prefix`;
      throw new KeysteadError('not-supported', `${limits}, this one has ${key.length}`);
    }
    // The SDK makes a path of it, and would leave the container.
    if (DOTS_ALONE.test(key)) throw new KeysteadError('not-supported', `no part of a name may be . or .. as in ${key}`);
    return this.#container.getBlockBlobClient(key);
  }

  /** @param answers what an error code means here. */
  async #send<T, S = never>(
    call: Call,
    run: (abortSignal: AbortSignal) => Promise<T>,
    answers: Readonly<Record<string, () => S>> = {},
  ): Promise<T | S> {
    return upstream<T | S>(call, {
      timeoutMs: this.#timeoutMs,
      timedOut: () =>
        new KeysteadError('store-timeout', `${this.#what}: Blob Storage did not answer in ${this.#timeoutMs} ms`),
      run: async (abortSignal) => {
        try {
          return await run(abortSignal);
        } catch (error) {
          const { code } = failureOf(error);
          const answer = Object.hasOwn(answers, code) ? answers[code] : undefined;
          if (answer !== undefined) return answer();
          throw storeError(error, { name: this.#what });
        }
      },
    });
  }
}

interface Walk {
  readonly prefix: string;
  readonly at: string | undefined;
  readonly wanted: (name: string) => boolean;
  readonly limit: number;
  readonly abortSignal: AbortSignal;
}

/** Reads no more than a record can have: the container may hold anything. */
async function wholeBody(body: Readable | undefined, name: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_RECORD_LENGTH) {
      throw new KeysteadError('record-corrupt', `the record ${name} has more than ${MAX_RECORD_LENGTH} bytes`);
    }
  }
  return Uint8Array.from(Buffer.concat(chunks));
}

/** An account with hierarchical namespace puts `/` before every other character, and a walk there would lose names. */
function assertOrdered(names: readonly string[], what: string): void {
  const disorder = names.some(
    (name, n) => n > 0 && Buffer.compare(Buffer.from(names[n - 1] as string), Buffer.from(name)) >= 0,
  );
  if (!disorder) return;
  throw new KeysteadError(
    'not-supported',
    `${what} does not list in the order of the names' bytes; give an account without hierarchical namespace`,
  );
}

/** What `read` gave; anything else cannot match and must not reach Azure, where `*` means "whatever is there". */
function strongEtag(etag: string, name: string): string {
  if (/^"[^"*]+"$/.test(etag)) return etag;
  return stale(name).ConditionNotMet();
}

function stale(name: string) {
  const throwStale = (): never => {
    throw new KeysteadError(
      'stale-etag',
      `the record ${name} has changed since it was read, or is gone; read it again`,
    );
  };
  return { ConditionNotMet: throwStale, BlobNotFound: throwStale };
}
