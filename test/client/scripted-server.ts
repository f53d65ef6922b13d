import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClientAmbient } from '../../src/client/retry.ts';
import { checkValue } from '../../src/core/derive.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';

/** What one request of a test gets. */
export type Step = (response: ServerResponse, request: IncomingMessage & { readonly text: string }) => void;

export interface ScriptedServer {
  readonly url: string;
  /** Of each request: method, path, headers and body. */
  readonly requests: { method: string; path: string; headers: IncomingMessage['headers']; text: string }[];
  close(): Promise<void>;
}

/** A server that answers its n-th request with the n-th step, and every later one with the last. */
export async function scriptedServer(
  t: { teardown(fn: () => unknown): void },
  ...steps: readonly Step[]
): Promise<ScriptedServer> {
  const requests: ScriptedServer['requests'] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const step = steps[Math.min(requests.length, steps.length - 1)];
    requests.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, text });
    step?.(response, Object.assign(request, { text }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  t.teardown(close);
  return { url: `http://127.0.0.1:${port}`, requests, close };
}

export const KEY = Uint8Array.from({ length: 32 }, (_, index) => index + 1);

/** A good answer in raw bytes, or one that is wrong where the test says. */
export function rawKey(id: string, over: Record<string, string> = {}, bytes: Uint8Array = KEY): Step {
  const headers = {
    'content-type': 'application/octet-stream',
    'keystead-data-key-id': encodeURIComponent(id),
    'keystead-length': String(bytes.length),
    'keystead-version': '1',
    'keystead-check': Buffer.from(checkValue(SecretBytes.copyOf(bytes))).toString('base64'),
    'keystead-created': 'false',
    'keystead-source': 'derived',
    ...over,
  };
  return (response) => {
    for (const [name, value] of Object.entries(headers)) if (value !== '') response.setHeader(name, value);
    response.end(bytes);
  };
}

/** A problem document. */
export function problem(
  status: number,
  fields: Readonly<Record<string, unknown>>,
  headers: Readonly<Record<string, string>> = {},
): Step {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
    response.end(JSON.stringify({ detail: 'in plain words', ...fields }));
  };
}

export function json(value: unknown, status = 200): Step {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
}

export const UNAVAILABLE = problem(503, { code: 'unavailable', reason: 'kms-unreachable' });

/** Time that passes when somebody sleeps, and chance that is always the same. */
export function testAmbient(random = 0.5): ClientAmbient & { readonly slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => 0,
    random: () => random,
    sleep: async (ms) => {
      slept.push(ms);
    },
  };
}
