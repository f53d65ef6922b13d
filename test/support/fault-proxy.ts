import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createServer as createHttpServer,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { resetSocket } from './reset-socket.ts';

/** What goes wrong with one request on its way. */
export type WireFault =
  /** It never arrives; the answer is 500. */
  | 'error'
  /** It arrives and takes place; the answer is 500. */
  | 'error-after'
  /** It never arrives; the connection is reset. */
  | 'reset'
  /** It arrives and takes place; the connection is reset. */
  | 'reset-after'
  /** It arrives twice; the second answer is given. */
  | 'twice'
  /** It arrives, and the answer takes a while. */
  | 'slow'
  /** A GET is answered as the first one of the same thing was. */
  | 'past';

/** What somebody else answers in the server's place, or where else the request goes. */
export type WireScript =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | { readonly to: string };

type Planned = WireFault | WireScript | undefined;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface FaultProxy {
  /** Where to send what was meant for the server behind it. */
  readonly url: string;
  /** How often each fault has happened. */
  readonly happened: ReadonlyMap<WireFault, number>;
  /** From now on nothing goes wrong. */
  heal(): void;
}

const SLOW_MS = 30;

/**
 * Stands between clients and a server that speaks HTTP/1.1, and breaks what the plan says, or does what it scripts. With TLS where the server has
 * it, by the emulators' own certificate. Closed with the test.
 *
 * @param plan what goes wrong with the `n`-th request, counted from 0; the request waits for it.
 * @param drops headers of requests that do not arrive.
 */
export async function faultProxy(
  t: { teardown(fn: () => unknown): unknown },
  server: string,
  plan: (n: number, method: string, url: string, headers: IncomingHttpHeaders) => Planned | Promise<Planned>,
  env: Readonly<Record<string, string>>,
  drops: readonly string[] = [],
): Promise<FaultProxy> {
  const target = new URL(server);
  const tls = target.protocol === 'https:';
  const agent = tls ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  const firsts = new Map<string, Answer>();
  const happened = new Map<WireFault, number>();
  let [count, healed] = [0, false];
  const forward = async (incoming: IncomingMessage, body: Buffer): Promise<Answer> => {
    const { method = 'GET', url = '/' } = incoming;
    const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !drops.includes(name)));
    const options = { method, path: url, headers, agent, host: target.hostname, port: target.port };
    const sent = (tls ? httpsRequest : httpRequest)(options);
    sent.end(body);
    const [answer]: [IncomingMessage] = (await once(sent, 'response')) as [IncomingMessage];
    const whole = { status: answer.statusCode ?? 500, headers: answer.headers, body: await bodyOf(answer) };
    if (method === 'GET' && !firsts.has(url)) firsts.set(url, whole);
    return whole;
  };
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/' } = incoming;
    const body = await bodyOf(incoming);
    const planned = healed ? undefined : await plan(count++, method, url, incoming.headers);
    if (typeof planned === 'object') {
      if ('status' in planned) return void response.writeHead(planned.status, planned.headers).end(planned.body);
      incoming.url = planned.to;
    }
    const fault = typeof planned === 'object' ? undefined : planned;
    if (fault !== undefined) happened.set(fault, (happened.get(fault) ?? 0) + 1);
    if (fault === 'error') return void response.writeHead(500).end();
    if (fault === 'reset') return void resetSocket(response.socket);
    const past = fault === 'past' && method === 'GET' ? firsts.get(url) : undefined;
    let answer = past ?? (await forward(incoming, body));
    if (fault === 'twice') answer = await forward(incoming, body);
    if (fault === 'slow') await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    if (fault === 'error-after') return void response.writeHead(500).end();
    if (fault === 'reset-after') return void resetSocket(response.socket);
    const { 'transfer-encoding': _chunked, connection: _connection, ...headers } = answer.headers;
    response.writeHead(answer.status, headers).end(answer.body);
  };
  const onRequest = (incoming: IncomingMessage, response: ServerResponse) => {
    handle(incoming, response).catch(() => response.destroy()); // a client that was killed, mostly
  };
  const proxy = tls ? createHttpsServer(certificate(env), onRequest) : createHttpServer(onRequest);
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.teardown(() => {
    proxy.closeAllConnections();
    proxy.close();
    agent.destroy();
  });
  const { port } = proxy.address() as AddressInfo;
  return {
    url: `${target.protocol}//127.0.0.1:${port}${target.pathname === '/' ? '' : target.pathname}`,
    happened,
    heal: () => {
      healed = true;
    },
  };
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await message.toArray());
}

function certificate(env: Readonly<Record<string, string>>) {
  const folder = dirname(env['NODE_EXTRA_CA_CERTS'] ?? '');
  const read = (name: string) => readFileSync(join(folder, name));
  return { cert: read('server.crt'), key: read('server.key') };
}
