import { KeysteadError } from '../core/errors.ts';
import { discardBody, parseJson, readBody } from './body.ts';
import { answerFailure, connectionFailure, type Failure, finalFailure } from './failure.ts';
import { problemError } from './problem.ts';
import { type ClientAmbient, mayRetry, retryAfterSeconds, retryDelay } from './retry.ts';
import type { TokenSource } from './token.ts';

const MAX_PROBLEM = 65_536;

/** One call of the service, whatever it takes to get its answer. */
export interface Outgoing {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Behind the server's address, percent-encoded. */
  readonly path: string;
  /** JSON; the caller wipes it. */
  readonly body?: Uint8Array;
  /** The etag that the record must have, without quotes. */
  readonly ifMatch?: string;
  /** The media type that the answer must have. */
  readonly accept: 'application/json' | 'application/octet-stream';
  /** Bytes that the answer may have. */
  readonly maxLength: number;
  /** A second execution does no harm. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds, where the client's own are not enough. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly headers: Headers;
  /** The caller wipes it. */
  readonly body: Uint8Array;
}

export interface TransportOptions {
  /** Without a slash at the end. */
  readonly server: string;
  readonly token: TokenSource;
  readonly fetch: typeof globalThis.fetch;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly ambient: ClientAmbient;
}

/**
 * Calls, with one deadline for all attempts.
 *
 * Promises: redirects are not followed, so a token goes to no other server; an answer is a success of the right media
 * type; only what the error table calls retryable is tried again, and what must not happen twice only when the service
 * certainly did nothing.
 */
export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  async send(outgoing: Outgoing): Promise<Answer> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#timeoutMs(outgoing));
    const signal =
      outgoing.signal === undefined ? deadline.signal : AbortSignal.any([outgoing.signal, deadline.signal]);
    const failures: KeysteadError[] = [];
    try {
      return await this.#attempts(outgoing, signal, failures);
    } catch (error) {
      if (error instanceof KeysteadError || !signal.aborted) throw KeysteadError.from(error);
      throw this.#interrupted(outgoing, failures.at(-1), error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param failures collects those that another attempt follows. */
  async #attempts(outgoing: Outgoing, signal: AbortSignal, failures: KeysteadError[]): Promise<Answer> {
    const { ambient, retries } = this.#options;
    const end = ambient.now() + this.#timeoutMs(outgoing);
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      const result = await this.#attempt(outgoing, signal);
      if ('headers' in result) return result;
      const delay = retryDelay(attempt, result, ambient.random);
      const inTime = ambient.now() + delay < end && !signal.aborted;
      if (attempt >= retries || !inTime || !mayRetry(result, outgoing.repeatable)) throw result.error;
      failures.push(result.error);
      await ambient.sleep(delay, signal);
    }
  }

  #timeoutMs({ timeoutMs = 0 }: Outgoing): number {
    return Math.max(timeoutMs, this.#options.timeoutMs);
  }

  #interrupted(outgoing: Outgoing, last: KeysteadError | undefined, cause: unknown): KeysteadError {
    if (outgoing.signal?.aborted) return new KeysteadError('client-gone', 'the call was cancelled', { cause });
    const { server } = this.#options;
    const timeoutMs = this.#timeoutMs(outgoing);
    const why = last === undefined ? '' : `; the last failure was: ${last.message}`;
    return new KeysteadError('timeout', `no answer from ${server} within ${timeoutMs} ms${why}`, {
      cause: last ?? cause,
    });
  }

  async #attempt(outgoing: Outgoing, signal: AbortSignal): Promise<Answer | Failure> {
    const { server, token } = this.#options;
    const headers = this.#headers(outgoing, await token());
    try {
      const response = await this.#options.fetch(server + outgoing.path, {
        method: outgoing.method,
        headers,
        body: (outgoing.body as Uint8Array<ArrayBuffer> | undefined) ?? null,
        redirect: 'manual',
        signal,
      });
      return await this.#read(response, outgoing);
    } catch (error) {
      if (error instanceof KeysteadError) return finalFailure(error);
      signal.throwIfAborted();
      return connectionFailure(error, server);
    }
  }

  #headers(outgoing: Outgoing, token: string | undefined): Headers {
    const headers = new Headers({ accept: `${outgoing.accept}, application/problem+json`, 'user-agent': 'keystead' });
    if (outgoing.body !== undefined) headers.set('content-type', 'application/json');
    if (outgoing.ifMatch !== undefined) headers.set('if-match', `"${outgoing.ifMatch}"`);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    return headers;
  }

  async #read(response: Response, outgoing: Outgoing): Promise<Answer | Failure> {
    const { server, ambient } = this.#options;
    const { status, headers } = response;
    const type = mediaType(headers);
    if (response.ok && type === outgoing.accept) {
      return { headers, body: await readBody(response, outgoing.maxLength) };
    }
    if (response.ok || status < 400) {
      await discardBody(response);
      throw new KeysteadError('bad-answer', unusable(response, type, server, outgoing.accept));
    }
    const isProblem = type === 'application/problem+json';
    const problem = isProblem ? parseJson(await readBody(response, MAX_PROBLEM), server) : undefined;
    if (!isProblem) await discardBody(response);
    const retryAfter = retryAfterSeconds(headers.get('retry-after'), ambient.now());
    return answerFailure(problemError(status, problem, server, retryAfter));
  }
}

function mediaType(headers: Headers): string {
  return (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

function unusable(response: Response, type: string, server: string, wanted: string): string {
  if (!response.ok) {
    return `${server} answered with a redirect (status ${response.status}), which is not followed; give the final address`;
  }
  const found = /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : 'no known content type';
  return `${server} answered with ${found} where ${wanted} was expected; is it a Keystead service?`;
}
