import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { KeyManagementServiceClient } from '@google-cloud/kms';
import type { SecretSource } from '../../../src/core/secret-reference.ts';

interface Test {
  teardown(fn: () => unknown): unknown;
}

export const secrets: SecretSource = { env: {}, readFile };
export const random = { bytes: (length: number) => new Uint8Array(length).fill(7) };

type KmsOptions = NonNullable<ConstructorParameters<typeof KeyManagementServiceClient>[0]>;

/** What of gRPC is used here, in the SDK's own copy. */
interface Grpc {
  Server: new () => GrpcServer;
  ServerCredentials: { createInsecure(): object };
  Metadata: new () => { set(name: string, value: Buffer): void };
  credentials: { createInsecure(): NonNullable<KmsOptions['sslCreds']> };
}
interface GrpcServer {
  addService(service: object, handlers: object): void;
  bindAsync(address: string, credentials: object, done: (error: Error | null, port: number) => void): void;
  forceShutdown(): void;
}
type Protos = { google: { cloud: { kms: { v1: { KeyManagementService: { service: object } } } } } };

const require = createRequire(import.meta.url);

/** Loaded when it is needed: gRPC reads its environment when it is loaded. */
function kmsSdk(): typeof import('@google-cloud/kms') {
  return require('@google-cloud/kms');
}

function gaxSdk(): { grpc: Grpc; GrpcClient: new () => { loadProtoJSON(json: object): Protos } } {
  return createRequire(require.resolve('@google-cloud/kms'))('google-gax');
}

/** A client that sets up keys in the emulator; the service itself never needs it. */
export function kmsAdmin(t: Test, address: string): KeyManagementServiceClient {
  const [servicePath = '', port] = address.split(':');
  const client = new (kmsSdk().KeyManagementServiceClient)({
    servicePath,
    port: Number(port),
    sslCreds: gaxSdk().grpc.credentials.createInsecure(),
    clientOptions: { universeDomain: 'googleapis.com' },
  });
  t.teardown(() => client.close());
  return client;
}

// biome-ignore lint/suspicious/noExplicitAny: messages of the protocol, made up by each test.
type Message = any;
type Method = 'Encrypt' | 'Decrypt' | 'GetCryptoKeyVersion';

/** A Cloud KMS that answers, or throws, whatever a test says: on the official protocol, from the SDK's own definition. */
export async function fakeKms(
  t: Test,
  methods: Partial<Record<Method, (request: Message) => Message>>,
): Promise<string> {
  const bundle: object = createRequire(require.resolve('@google-cloud/kms'))('../protos/protos.json');
  const gax = gaxSdk();
  const { service } = new gax.GrpcClient().loadProtoJSON(bundle).google.cloud.kms.v1.KeyManagementService;
  const server = new gax.grpc.Server();
  const handlers = Object.entries(methods).map(([name, method]) => [
    name,
    (call: { request: Message }, done: (error: unknown, answer?: Message) => void) => {
      try {
        done(null, method(call.request));
      } catch (error) {
        done(error);
      }
    },
  ]);
  server.addService(service, Object.fromEntries(handlers));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', gax.grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
  t.teardown(() => server.forceShutdown());
  return `http://127.0.0.1:${port}`;
}

/** What a gRPC handler throws to answer with a status. */
export function status(code: number, details: string): object {
  return { code, details };
}

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** An HTTP server that answers what a test says, and remembers what it was asked. */
export async function fakeHttp(
  t: Test,
  answer: (request: Recorded, response: ServerResponse) => void,
): Promise<{ url: string; requests: Recorded[] }> {
  const requests: Recorded[] = [];
  const server = createServer(async (incoming, response) => {
    const url = new URL(incoming.url ?? '', 'http://localhost');
    const body = Buffer.concat(await incoming.toArray()).toString('latin1');
    const { method = '', headers } = incoming;
    const request = { method, path: url.pathname, query: url.searchParams, headers, body };
    requests.push(request);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

export function answerJson(response: ServerResponse, statusCode: number, body: object, headers: object = {}): void {
  response.writeHead(statusCode, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** An error as Cloud Storage writes it. */
export function googleError(code: number, reason: string, message: string): object {
  return { error: { code, message, errors: [{ message, domain: 'global', reason }] } };
}

/** Takes connections and says nothing, for ever. */
export async function hangingServer(t: Test): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

/** The permissions that the tables of docs/reference/providers/gcp.md ask for. */
export function documentedPermissions(service: 'cloudkms' | 'storage'): string[] {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/providers/gcp.md'), 'utf8');
  const rows = page.matchAll(/^\| `([a-z]+)(\.[A-Za-z]+\.[A-Za-z]+)` \|/gm);
  return [...rows].flatMap(([, of, rest]) => (of === service ? [`${of}${rest}`] : []));
}
