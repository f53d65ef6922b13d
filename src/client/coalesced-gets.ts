import { KeysteadError } from '../core/errors.ts';
import type { DataKey } from './answers.ts';
import type { CallOptions } from './options.ts';
import { assertAsked, GET_OPTIONS, type GetOptions } from './request.ts';
import { assertCallOptions } from './usage.ts';

/** Keys of one batch at most. */
const MAX_BATCH = 1000;

/** As much of a client as is needed here; `KeysteadClient` is one. */
export interface BatchingClient {
  getDataKey(id: string, options?: GetOptions & CallOptions): Promise<DataKey>;
  batchGet(
    requests: readonly (GetOptions & { readonly id: string })[],
    options?: CallOptions,
  ): Promise<(DataKey | KeysteadError)[]>;
}

/** Somebody who waits for a key. */
interface Waiting {
  readonly request: GetOptions & { readonly id: string };
  readonly signal: AbortSignal | undefined;
  settle(result: DataKey | KeysteadError): void;
}

/**
 * Gets of one turn of the event loop travel as one batch, which costs the service and the wire a tenth of as many calls.
 *
 * Promises: every caller gets the own key, or the own error, as `getDataKey` would give it; a caller who gives up waits no
 * longer and costs the others nothing; when all have given up, the call ends. A call on its own, and one that insists on
 * creating, travels alone. A batch travels as JSON, whose text the runtime keeps until it is collected: where that
 * matters, get keys by the client itself.
 *
 * @example
 * const gets = new CoalescedGets(client);
 * const keys = await Promise.all(volumes.map((volume) => gets.getDataKey(volume)));
 */
export class CoalescedGets {
  readonly #client: BatchingClient;
  #waiting: Waiting[] = [];

  constructor(client: BatchingClient) {
    this.#client = client;
  }

  /** The data key of this id. Dispose its `key` when done. */
  async getDataKey(id: string, options: GetOptions & CallOptions = {}): Promise<DataKey> {
    assertCallOptions(options, GET_OPTIONS);
    const { signal, ...wanted } = options;
    if (wanted.create === 'must') return this.#client.getDataKey(id, options);
    // A batch with one request that is not valid is refused as a whole.
    assertAsked({ ...wanted, id });
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(gaveUp(signal));
        return;
      }
      const left = () => reject(gaveUp(signal as AbortSignal));
      signal?.addEventListener('abort', left, { once: true });
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      this.#waiting.push({
        request: { ...wanted, id },
        signal,
        settle(result) {
          signal?.removeEventListener('abort', left);
          if (result instanceof KeysteadError) reject(result);
          else if (signal?.aborted) result.key.dispose();
          else resolve(result);
        },
      });
    });
  }

  #flush(): void {
    const waiting = this.#waiting.filter(({ signal }) => !signal?.aborted);
    this.#waiting = [];
    for (let from = 0; from < waiting.length; from += MAX_BATCH) void this.#send(waiting.slice(from, from + MAX_BATCH));
  }

  /** Never throws: each of those who wait hears of it. */
  async #send(waiting: readonly Waiting[]): Promise<void> {
    const ending = new AbortController();
    const stay = waiting.filter(({ signal }) => signal === undefined).length;
    let there = waiting.length;
    const left = () => {
      there -= 1;
      if (there === 0 && stay === 0) ending.abort();
    };
    for (const { signal } of waiting) signal?.addEventListener('abort', left, { once: true });
    try {
      const results = await this.#results(waiting, ending.signal);
      for (const [at, { settle }] of waiting.entries()) settle(results[at] as DataKey | KeysteadError);
    } catch (error) {
      for (const { settle } of waiting) settle(KeysteadError.from(error));
    } finally {
      for (const { signal } of waiting) signal?.removeEventListener('abort', left);
    }
  }

  async #results(waiting: readonly Waiting[], signal: AbortSignal): Promise<(DataKey | KeysteadError)[]> {
    const [only, ...more] = waiting;
    if (only === undefined || more.length > 0) {
      return this.#client.batchGet(
        waiting.map(({ request }) => request),
        { signal },
      );
    }
    const { id, ...wanted } = only.request;
    return [await this.#client.getDataKey(id, { ...wanted, signal })];
  }
}

function gaveUp(signal: AbortSignal): KeysteadError {
  return new KeysteadError('client-gone', 'the caller gave up before the key came', { cause: signal.reason });
}
