import { KeysteadError, type Reason } from '../../core/errors.ts';
import {
  type JsonAnswer,
  type JsonRequest,
  requestJson,
  requestJsonLines,
  serviceUrl,
} from '../../net/json-request.ts';

/** Where a Kubernetes API server is, and how the service shows itself there. */
export interface KubernetesApiOptions {
  /** `https://HOST:PORT`. */
  readonly url: string;
  /** PEM file with the authority of its certificate; absent: those that Node trusts. */
  readonly caFile?: string | undefined;
  /** File with the token of the service's own account. */
  readonly tokenFile?: string | undefined;
  readonly timeoutMs: number;
  /** What an answer may have; absent: 1 MiB. */
  readonly maxBytes?: number | undefined;
  /** Throws as `node:fs` does. */
  readFile(path: string, max: number): Promise<Buffer>;
}

/** Each call throws an error of `reason` where no answer comes. */
export interface KubernetesApi {
  get(path: string, reason: Reason): Promise<JsonAnswer>;
  post(path: string, body: unknown, reason: Reason): Promise<JsonAnswer>;
  put(path: string, body: unknown, reason: Reason): Promise<JsonAnswer>;
  /**
   * Gives `each` the events of a watch, one after the other, until the API server ends it, `seconds` have passed or
   * `signal` ends, which throws. Where the status is not 200 there was no watch.
   */
  watch(path: string, watch: Watch, reason: Reason): Promise<JsonAnswer>;
}

export interface Watch {
  /** The API server is asked to end it by then. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  each(event: unknown): Promise<void>;
}

const MAX_FILE = 1024 * 1024;
const MAX_ANSWER = 1024 * 1024;

/**
 * As much of a client of the Kubernetes API as this product needs, on `node:https`.
 *
 * Promises: both files are read for every call, since the kubelet replaces them while the service runs; nothing goes
 * over a network in the clear; no redirect is followed. Throws `bad-config` for an address that cannot be one.
 */
export function kubernetesApi(options: KubernetesApiOptions): KubernetesApi {
  const { url, caFile, tokenFile, timeoutMs, maxBytes = MAX_ANSWER, readFile } = options;
  const base = serviceUrl(url, 'the URL of the API server');
  const read = async (file: string, reason: Reason): Promise<Buffer> => {
    try {
      return await readFile(file, MAX_FILE);
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      throw new KeysteadError(reason, `${file} cannot be read (${code}), so the API server cannot be asked`, {
        cause: error,
      });
    }
  };
  const asked = async (method: JsonRequest['method'], path: string, reason: Reason): Promise<JsonRequest> => {
    const ca = caFile === undefined ? {} : { ca: await read(caFile, reason) };
    const token = tokenFile === undefined ? {} : { token: tokenIn(await read(tokenFile, reason), tokenFile, reason) };
    const url = new URL(path, base);
    return { url, method, ...ca, ...token, timeoutMs, maxBytes, whom: 'the API server', reason };
  };
  return {
    get: async (path, reason) => requestJson(await asked('GET', path, reason)),
    post: async (path, body, reason) => requestJson({ ...(await asked('POST', path, reason)), body }),
    put: async (path, body, reason) => requestJson({ ...(await asked('PUT', path, reason)), body }),
    async watch(path, { seconds, signal, each }, reason) {
      const question = await asked('GET', `${path}&watch=1&timeoutSeconds=${seconds}`, reason);
      return requestJsonLines({ ...question, timeoutMs: seconds * 1000 + timeoutMs }, each, signal);
    },
  };
}

/** Throws where there is none that a header could carry. */
function tokenIn(bytes: Buffer, file: string, reason: Reason): string {
  const token = bytes.toString('utf8').trim();
  if (/^[!-~]+$/.test(token)) return token;
  throw new KeysteadError(reason, `${file} holds no token, so the API server cannot be asked`);
}
