import { assertDataKeyId } from '../core/data-key-id.ts';
import { KeysteadError } from '../core/errors.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';
import {
  type DataKey,
  type DataKeyInfo,
  type DeletedDataKey,
  Fields,
  type KekInfo,
  type RewrappedDataKey,
  readDataKeyInfo,
  readDeleted,
  readKekInfo,
  readRewrapped,
} from './answers.ts';
import { parseJson } from './body.ts';
import { assertSecrets, bootstrapBody } from './bootstrap-body.ts';
import { type Asked, jsonDataKey, rawDataKey } from './data-key.ts';
import {
  assertAllRead,
  type FailedRecord,
  type JobOptions,
  type JobPage,
  jobPages,
  PAGE_TIMEOUT_MS,
  readFailedRecord,
} from './job.ts';
import { type CallOptions, type ClientOptions, transportOptions } from './options.ts';
import { problemError } from './problem.ts';
import { type Refusal, readRefusals } from './refusal.ts';
import {
  assertAsked,
  type FullRequest,
  GET_OPTIONS,
  type GetOptions,
  isDotSegment,
  pathOf,
  queryOf,
  requestOf,
} from './request.ts';
import { readStatus, type ServiceStatus } from './service-status.ts';
import { type Outgoing, Transport } from './transport.ts';
import { assertCallOptions, assertPageSize, assertText } from './usage.ts';

/** The longest list or batch, with ids and keys of the longest kind. */
const MAX_JSON = 33_554_432;
/** Keys of one batch at most. */
const MAX_BATCH = 1000;

/**
 * A key service over HTTP, on `fetch` and its kept-alive connections.
 *
 * Promises: everything fails with `KeysteadError`, with the reason and code that the service gave; a key is handed out
 * only when its length and its check value are right; buffers that held a key are wiped. A batch travels as JSON, whose
 * text the runtime keeps until it is collected: where that matters, get keys one by one.
 *
 * @example
 * const client = new KeysteadClient({ server: 'http://127.0.0.1:8080' });
 * const { key } = await client.getDataKey('my-volume');
 * try { use(key.expose()); } finally { key.dispose(); }
 */
export class KeysteadClient {
  readonly #transport: Transport;
  readonly #server: string;

  constructor(options: ClientOptions) {
    const checked = transportOptions(options);
    this.#server = checked.server;
    this.#transport = new Transport(checked);
  }

  /** The data key of this id. Dispose its `key` when done. */
  async getDataKey(id: string, options: GetOptions & CallOptions = {}): Promise<DataKey> {
    assertCallOptions(options, GET_OPTIONS);
    const { signal, ...wanted } = options;
    const asked = assertAsked({ ...wanted, id });
    if (isDotSegment(id)) return this.#getAsBatch(asked, signal === undefined ? {} : { signal });
    const answer = await this.#transport.send({
      method: 'POST',
      path: `/v1/data-keys/${encodeURIComponent(id)}/get`,
      body: Buffer.from(JSON.stringify(requestOf(asked))),
      accept: 'application/octet-stream',
      // One byte more shows that there are too many.
      maxLength: asked.length + 1,
      repeatable: asked.create !== 'must',
      signal,
    });
    return rawDataKey(answer.headers, answer.body, asked);
  }

  /**
   * Many data keys in one call, in the order of the requests; a key that cannot be had is the error that says why.
   * The caller disposes every key.
   */
  async batchGet(
    requests: readonly (GetOptions & { readonly id: string })[],
    options: CallOptions = {},
  ): Promise<(DataKey | KeysteadError)[]> {
    assertCallOptions(options);
    if (!Array.isArray(requests)) throw new KeysteadError('bad-request', 'a batch must be an array of requests');
    if (requests.length < 1 || requests.length > MAX_BATCH) {
      throw new KeysteadError('bad-request', `a batch has 1 to ${MAX_BATCH} requests, not ${requests.length}`);
    }
    const asked = requests.map((request: (typeof requests)[number]) => assertAsked(request));
    const results = (await this.#batch(asked, options)).list('results');
    if (results.length !== asked.length) {
      throw new KeysteadError('bad-answer', `the answer has ${results.length} results for ${asked.length} requests`);
    }
    return asked.map((one, index) => this.#result(results[index], one));
  }

  /**
   * What the service knows of the data keys whose ids begin with `prefix`, fetched page by page. Throws `record-corrupt`
   * behind the last one where the service could not read records of some.
   */
  async *list(
    options: { readonly prefix?: string; readonly pageSize?: number } & CallOptions = {},
  ): AsyncGenerator<DataKeyInfo> {
    assertCallOptions(options, ['prefix', 'pageSize']);
    assertPageSize(options.pageSize);
    assertText(options.prefix, 'prefix');
    if (options.prefix) assertDataKeyId(options.prefix);
    let token: string | undefined;
    const failed: FailedRecord[] = [];
    do {
      const query = { prefix: options.prefix || undefined, page_size: options.pageSize, page_token: token };
      const page = await this.#json({ path: `/v1/data-keys${queryOf(query)}`, signal: options.signal });
      yield* page.list('dataKeys').map(readDataKeyInfo);
      if (page.has('failed')) failed.push(...page.list('failed').map(readFailedRecord));
      const next = page.has('nextPageToken') ? page.text('nextPageToken') : '';
      if (next !== '' && next === token)
        throw new KeysteadError('bad-answer', 'the service repeats a page of the list');
      token = next;
    } while (token !== '');
    assertAllRead(failed);
  }

  /** What the service knows of one data key. */
  async describe(id: string, options: CallOptions = {}): Promise<DataKeyInfo> {
    assertCallOptions(options);
    return readDataKeyInfo((await this.#json({ path: pathOf(id), signal: options.signal })).value);
  }

  /** Makes a new version of a stored data key; old ones still open by their numbers. */
  async rotate(id: string, options: CallOptions = {}): Promise<DataKeyInfo> {
    assertCallOptions(options);
    // A second one would make another version.
    const call = { method: 'POST', path: `${pathOf(id)}/rotate`, repeatable: false } as const;
    return readDataKeyInfo((await this.#json({ ...call, signal: options.signal })).value);
  }

  /** Wraps a stored data key under the newest version of the service's KEK; the key stays what it is. */
  async rewrap(id: string, options: CallOptions = {}): Promise<RewrappedDataKey> {
    assertCallOptions(options);
    return readRewrapped(await this.#json({ method: 'POST', path: `${pathOf(id)}/rewrap`, signal: options.signal }));
  }

  /**
   * Takes a stored data key out of use. It can be restored until `purgeAt`, and is gone for good then.
   *
   * @param etag what `describe` gave: when the data key has changed since, nothing is deleted (`stale-etag`).
   */
  async delete(id: string, etag: string, options: CallOptions = {}): Promise<DeletedDataKey> {
    assertCallOptions(options);
    assertText(etag ?? null, 'the etag');
    if (!/^[!#-~]*$/.test(etag)) throw new KeysteadError('bad-request', 'the etag is not one that the service gave');
    // Once it has happened, the etag is another: a second one would fail and hide that the first one did not.
    const call = { method: 'DELETE', path: pathOf(id), ifMatch: etag, repeatable: false } as const;
    return readDeleted(await this.#json({ ...call, signal: options.signal }));
  }

  /** Takes a deletion back; changes nothing of a data key that is not deleted. */
  async restore(id: string, options: CallOptions = {}): Promise<DataKeyInfo> {
    assertCallOptions(options);
    const call = { method: 'POST', path: `${pathOf(id)}/restore` } as const;
    return readDataKeyInfo((await this.#json({ ...call, signal: options.signal })).value);
  }

  /** `rewrap` of every stored data key, page by page, as fast as the pages are taken. */
  rewrapAll(options: JobOptions & CallOptions = {}): AsyncGenerator<JobPage> {
    return this.#job('/v1/data-keys/-/rewrap-all', options);
  }

  /** Has the service open every version of every stored data key, page by page; hands none out. */
  verifyStorage(options: JobOptions & CallOptions = {}): AsyncGenerator<JobPage> {
    return this.#job('/v1/system/verify-storage', options);
  }

  /** What the service says of itself; needs no credentials. */
  async status(options: CallOptions = {}): Promise<ServiceStatus> {
    assertCallOptions(options);
    return readStatus((await this.#json({ path: '/v1/system/status', signal: options.signal })).value);
  }

  /** Why the policy refused: all refusals of an audit id. For administrators. */
  async explainRefusal(auditId: string, options: CallOptions = {}): Promise<Refusal[]> {
    assertCallOptions(options);
    assertText(auditId ?? null, 'the audit id');
    const path = `/v1/system/refusals/${encodeURIComponent(auditId)}`;
    return readRefusals(await this.#json({ path, signal: options.signal }));
  }

  /**
   * Gives the service its KEK. The caller disposes the secrets. The same secrets again change nothing; others are
   * refused with `kek-exists`.
   */
  async bootstrap(
    secrets: { readonly masterSecret: SecretBytes; readonly salt: SecretBytes } | { readonly generate: true },
    options: CallOptions = {},
  ): Promise<KekInfo> {
    assertCallOptions(options);
    assertSecrets(secrets);
    const body = bootstrapBody(secrets);
    try {
      // A second wish to generate would be refused as another secret, and hide that the first one came true.
      const repeatable = !('generate' in secrets);
      const answer = await this.#json({ path: '/v1/system/bootstrap', body, repeatable, signal: options.signal });
      return readKekInfo(answer.object('kek'));
    } finally {
      body.fill(0);
    }
  }

  #job(path: string, options: JobOptions & CallOptions): AsyncGenerator<JobPage> {
    return jobPages(options, (body) => this.#json({ path, body, signal: options.signal, timeoutMs: PAGE_TIMEOUT_MS }));
  }

  async #getAsBatch(asked: FullRequest, options: CallOptions): Promise<DataKey> {
    const [result] = await this.batchGet([asked], options);
    if (result instanceof KeysteadError) throw result;
    return result as DataKey;
  }

  async #batch(asked: readonly FullRequest[], options: CallOptions): Promise<Fields> {
    const requests = asked.map((one) => ({ dataKeyId: one.id, ...requestOf(one) }));
    return this.#json({
      path: '/v1/data-keys/-/batch-get',
      body: Buffer.from(JSON.stringify({ requests })),
      repeatable: asked.every((one) => one.create !== 'must'),
      signal: options.signal,
    });
  }

  #result(result: unknown, asked: Asked): DataKey | KeysteadError {
    try {
      const fields = new Fields(result, 'a result of the batch');
      if (!fields.has('problem')) return jsonDataKey(result, asked);
      return problemError(500, fields.object('problem').value, this.#server);
    } catch (error) {
      return KeysteadError.from(error);
    }
  }

  async #json(call: Pick<Outgoing, 'path'> & Partial<Outgoing>): Promise<Fields> {
    const answer = await this.#transport.send({
      method: call.body === undefined ? 'GET' : 'POST',
      accept: 'application/json',
      maxLength: MAX_JSON,
      repeatable: true,
      ...call,
    });
    try {
      return new Fields(parseJson(answer.body, this.#server), 'the answer');
    } finally {
      answer.body.fill(0);
    }
  }
}
