import { isLoopback } from '../config/address.ts';
import { KeysteadError, type Reason } from '../core/errors.ts';

/** One question to a service that answers with JSON. */
export interface JsonRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly body?: unknown;
  /** PEM; absent: the authorities that Node trusts. */
  readonly ca?: Buffer;
  /** Without `Bearer`. */
  readonly token?: string;
  /** For all of it, from the look-up of the name to the last byte. */
  readonly timeoutMs: number;
  /** Bytes of the answer at most. */
  readonly maxBytes: number;
  /** Names the other side in error texts: "the API server". */
  readonly whom: string;
  /** Of the error when no answer comes. */
  readonly reason: Reason;
}

export interface JsonAnswer {
  readonly status: number;
  /** Undefined where the answer is not JSON. */
  readonly body: unknown;
}

/**
 * The address that a text names. Throws `bad-config` where it is none, holds credentials, or would send what is asked
 * and answered over a network in the clear.
 *
 * @param what names the text in the error.
 */
export function serviceUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new KeysteadError('bad-config', `${what} must be an https:// URL`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new KeysteadError('bad-config', `${what} must not hold credentials`);
  }
  if (url.protocol === 'http:' && !isLoopback({ host: url.hostname.replace(/^\[(.*)\]$/, '$1') })) {
    throw new KeysteadError('bad-config', `${what} may be http:// for loopback only; use https://`);
  }
  return url;
}

/**
 * Asks and gives back the answer, whatever its status.
 *
 * Promises: a redirect is an answer like any other and never followed; no more than `maxBytes` are read; it settles
 * within `timeoutMs`. Throws an error of `reason`, with a few words that hold nothing secret.
 */
export async function requestJson(asked: JsonRequest): Promise<JsonAnswer> {
  const { whom, reason, timeoutMs } = asked;
  try {
    return await exchange(asked, AbortSignal.timeout(timeoutMs));
  } catch (error) {
    if (error instanceof KeysteadError) throw error;
    const { name, code } = error as NodeJS.ErrnoException;
    const late = name === 'AbortError' || name === 'TimeoutError';
    const why = late ? `no answer within ${timeoutMs} ms` : (code ?? 'unknown');
    throw new KeysteadError(reason, `${whom} cannot be asked (${why})`, { cause: error });
  }
}

async function exchange(asked: JsonRequest, signal: AbortSignal): Promise<JsonAnswer> {
  const { url, method, ca, token } = asked;
  const body = asked.body === undefined ? undefined : JSON.stringify(asked.body);
  const headers = {
    // The API server of Kubernetes gives its keys to those alone who ask for a JWK Set.
    accept: 'application/json, application/jwk-set+json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
  };
  // Where nobody is asked, nothing of it is loaded: `node:http` as a module brings Node's fetch with it.
  const { request } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'));
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, signal, ...(ca === undefined ? {} : { ca }) }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size <= asked.maxBytes) return;
        reject(tooLarge(asked));
        sent.destroy();
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks)) }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function tooLarge({ whom, reason, maxBytes }: JsonRequest): KeysteadError {
  return new KeysteadError(reason, `${whom} gives an answer of more than ${maxBytes} bytes`);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
