import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../config/address.ts';
import { KeysteadError, type Reason } from '../core/errors.ts';

const LINE_FEED = 0x0a;

/** One question to a service that answers with JSON. */
export interface JsonRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Sent as JSON; a buffer is JSON already, and its owner wipes it. */
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
  return inTime(asked, async (deadline) => {
    const response = await send(asked, deadline);
    return { status: response.statusCode ?? 0, body: await wholeBody(asked, response) };
  });
}

/**
 * As `requestJson`; where the answer is 200 it is a row of lines that come in their own time, and each is given to
 * `each` as it comes. Resolves when the other side has ended the row.
 *
 * Promises: the next line is read when `each` is done with the one before; no line is longer than `maxBytes`. What
 * `each` throws is thrown, and nothing more is read; so it is when `signal` ends.
 */
export async function requestJsonLines(
  asked: JsonRequest,
  each: (line: unknown) => Promise<void>,
  signal: AbortSignal,
): Promise<JsonAnswer> {
  return inTime(asked, async (deadline) => {
    const response = await send(asked, AbortSignal.any([signal, deadline]));
    const { statusCode: status = 0 } = response;
    if (status !== 200) return { status, body: await wholeBody(asked, response) };
    for await (const line of linesOf(asked, response)) await each(line);
    return { status, body: undefined };
  });
}

/** Whatever fails, fails with a reason, and in words that hold nothing secret. */
async function inTime<T>(asked: JsonRequest, work: (deadline: AbortSignal) => Promise<T>): Promise<T> {
  const { whom, reason, timeoutMs } = asked;
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    return await work(deadline);
  } catch (error) {
    if (error instanceof KeysteadError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const why = deadline.aborted ? `no answer within ${timeoutMs} ms` : (code ?? 'unknown');
    throw new KeysteadError(reason, `${whom} cannot be asked (${why})`, { cause: error });
  }
}

/** Resolves when the head of the answer is there. */
async function send(asked: JsonRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, method, ca, token } = asked;
  const body = asked.body === undefined || Buffer.isBuffer(asked.body) ? asked.body : JSON.stringify(asked.body);
  const headers = {
    // The API server of Kubernetes gives its keys to those alone who ask for a JWK Set.
    accept: 'application/json, application/jwk-set+json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
  };
  // Where nobody is asked, nothing of it is loaded: `node:http` as a module brings Node's fetch with it.
  const { request } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'));
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, signal, ...(ca === undefined ? {} : { ca }) }, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
}

async function wholeBody(asked: JsonRequest, response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > asked.maxBytes) throw tooLarge(asked);
    chunks.push(chunk);
  }
  return parse(Buffer.concat(chunks));
}

async function* linesOf(asked: JsonRequest, response: IncomingMessage): AsyncGenerator<unknown> {
  let rest = Buffer.alloc(0);
  for await (const chunk of response as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
      yield parse(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
    }
    if (rest.length > asked.maxBytes) throw tooLarge(asked);
  }
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
