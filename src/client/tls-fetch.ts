import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { Readable } from 'node:stream';
import { FreshFile } from './fresh-file.ts';

/** PEM files; each is read again whenever it changes. */
export interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/**
 * `fetch` over `node:https`, for a CA or a client certificate of one's own, which the global `fetch` cannot take.
 * As much of `fetch` as this client uses: no redirects are followed, the body is bytes or nothing.
 */
export function tlsFetch(files: TlsFiles): typeof globalThis.fetch {
  const agentOf = freshAgent(files);
  return async (input, init = {}) => {
    const agent = await agentOf();
    const { signal, body } = init;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing: ClientRequest = request(String(input), {
        agent,
        method: init.method ?? 'GET',
        headers: Object.fromEntries(new Headers(init.headers ?? {})),
        ...(signal ? { signal } : {}),
      });
      outgoing.once('response', resolve).once('error', reject);
      outgoing.end(body ?? undefined);
    });
    return toResponse(answer);
  };
}

/** Keeps connections alive, and opens new ones when a file has changed. */
function freshAgent(files: TlsFiles): () => Promise<Agent> {
  const [ca, cert, key] = (
    [
      [files.caFile, 'CA file'],
      [files.certFile, 'certificate file'],
      [files.keyFile, 'key file'],
    ] as const
  ).map(([path, what]) => (path === undefined ? undefined : new FreshFile(path, what)));
  let last: { readonly material: readonly unknown[]; readonly agent: Agent } | undefined;
  return async () => {
    const material = await Promise.all([ca?.read(), cert?.read(), key?.read()]);
    if (last?.material.every((bytes, index) => bytes === material[index])) return last.agent;
    const names = ['ca', 'cert', 'key'];
    const given = material.flatMap((bytes, index) => (bytes === undefined ? [] : [[names[index], Buffer.from(bytes)]]));
    const agent = new Agent({ ...Object.fromEntries(given), keepAlive: true, minVersion: 'TLSv1.2' });
    last = { material, agent };
    return agent;
  };
}

function toResponse(answer: IncomingMessage): Response {
  const status = answer.statusCode ?? 500;
  const headers = new Headers();
  for (const [name, values] of Object.entries(answer.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  // A Response of these must have no body.
  const empty = status === 204 || status === 205 || status === 304;
  if (empty) answer.resume();
  return new Response(empty ? null : (Readable.toWeb(answer) as ReadableStream), { status, headers });
}
