import { hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { bytesField, varintField } from '../../../src/server/grpc/codec.ts';
import {
  accountClaims,
  type Issuer,
  openIssuer,
  type SigningKey,
  signed,
  signingKey,
} from '../../auth/support/issuer.ts';
import { framed, rawCall } from '../../server/grpc/support/raw-client.ts';
import { KNOWN_KEK } from '../../server/http/support.ts';
import { type ServiceProcess, startService } from '../../support/service-process.ts';
import type { ConfigChanges } from '../../support/services.ts';

export const AUDIENCE = 'keystead';
export const ADMIN = 'kst_admin-admin-admin-admin-admin-admin-admi';
const GET_DATA_KEY = '/kms.API/GetDataKey';

/** Every namespace has the data keys below its own name, and may delete them too. */
export const TENANTS = `version: 1
tenants:
  - { namespaces: ["**"], may: [get, create, list, describe, delete, rotate, rewrap, restore] }
`;

/** An answer over HTTP, as it came. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  json(): Record<string, unknown>;
}

interface Asked {
  readonly method?: string;
  readonly token?: string | undefined;
  readonly headers?: readonly string[];
  readonly body?: string | undefined;
}

/**
 * A whole service under attack, in a process of its own: it wraps and stores, knows the ServiceAccounts of a cluster and
 * the callers of another issuer, whose keys have the same `kid`, and gives each namespace its own data keys.
 */
export interface House {
  readonly service: ServiceProcess;
  readonly port: number;
  readonly grpcPort: number;
  readonly cluster: Issuer;
  readonly corp: Issuer;
  readonly keys: { readonly cluster: SigningKey; readonly corp: SigningKey };
  readonly files: { readonly auth: string; readonly policy: string };
  /** A good token of a ServiceAccount. */
  tenant(namespace: string, account?: string): Promise<string>;
  /** One request whose target and headers are sent as they are. */
  ask(target: string, asked?: Asked): Promise<Answer>;
  /** `kms.API/GetDataKey`. */
  grpc(id: string | Uint8Array, token?: string, headers?: Record<string, string>): Promise<GrpcAnswer>;
}

export interface GrpcAnswer {
  readonly status: number | undefined;
  readonly message: string;
  readonly key: Buffer | undefined;
}

export async function openHouse(t: Test, over: ConfigChanges = {}, policy = TENANTS): Promise<House> {
  const [cluster, corp] = await Promise.all([openIssuer(t), openIssuer(t)]);
  const keys = { cluster: signingKey('k1', 'RS256'), corp: signingKey('k1', 'RS256') };
  cluster.keys.push(keys.cluster);
  corp.keys.push(keys.corp);
  const dir = t.testdir({ 'policy.yaml': policy, admin: ADMIN });
  const files = { auth: join(dir, 'auth.yaml'), policy: join(dir, 'policy.yaml') };
  const authenticators = [
    { name: 'cluster', kind: 'service-account', issuer: cluster.url, audiences: [AUDIENCE] },
    { name: 'corp', kind: 'oidc', issuer: corp.url, audiences: [AUDIENCE], groupsClaim: 'groups' },
    { name: 'tokens', kind: 'token', tokens: [{ name: 'ci', sha256: hash('sha256', 'kst_ci') }] },
  ];
  writeFileSync(files.auth, JSON.stringify({ version: 1, authenticators }));
  const service = startService(t, {
    kms: `${KNOWN_KEK.kms}&mode=wrap`,
    dev: false,
    admin: { tokenFile: join(dir, 'admin') },
    auth: { file: files.auth },
    policy: { file: files.policy },
    ...over,
    limits: { failedLogins: 0, ...over.limits },
  });
  const ready = await service.ready();
  const port = Number(new URL(ready.http).port);
  const grpcPort = Number(ready.grpc.split(':').at(-1));
  return {
    service,
    port,
    grpcPort,
    cluster,
    corp,
    keys,
    files,
    tenant: (namespace, account = 'web') =>
      signed(keys.cluster, accountClaims(cluster.url, AUDIENCE, namespace, account), Date.now()),
    ask: (target, asked = {}) => ask(port, target, asked),
    grpc: (id, token, headers) => askGrpc(grpcPort, id, token, headers),
  };
}

async function ask(port: number, target: string, { method = 'POST', token, headers = [], body }: Asked) {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...(body === undefined ? ['Content-Length: 0'] : []),
    ...(body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
    ...headers,
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const [answer] = answersIn(await sendRaw(port, Buffer.concat([head, Buffer.from(body ?? '')])));
  if (answer === undefined) throw new Error(`no answer to ${target.slice(0, 80)}`);
  return answer;
}

/** Sends bytes as they are and gives all that comes back until the server closes. A string is taken as latin1. */
export function sendRaw(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectSocket({ port, host: '127.0.0.1', allowHalfOpen: true });
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text;
    });
    const done = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('end', done).on('error', done);
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
}

/** The answers on one connection, in order. */
export function answersIn(text: string): Answer[] {
  const answers: Answer[] = [];
  for (let rest = text; rest.startsWith('HTTP/1.1 '); ) {
    const end = rest.indexOf('\r\n\r\n');
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const from = end + 4;
    const to = from + Number(headers['content-length'] ?? 0);
    const body = Buffer.from(rest.slice(from, to), 'latin1').toString();
    answers.push({ status: Number(first.slice(9, 12)), headers, body, json: () => JSON.parse(body) });
    rest = rest.slice(to);
  }
  return answers;
}

async function askGrpc(
  port: number,
  id: string | Uint8Array,
  token: string | undefined,
  headers: Record<string, string> = {},
): Promise<GrpcAnswer> {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  try {
    const message = Buffer.concat([bytesField(1, Buffer.from(id)), varintField(2, 32)]);
    const shown = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await rawCall(session, GET_DATA_KEY, framed(message), { ...shown, ...headers });
    const { status, message: text } = answer;
    return { status, message: text, key: answer.messages[0]?.subarray(2) };
  } finally {
    session.destroy();
  }
}

/** An answer without what is another one each time: to be compared with the answer to another request. */
export function plain({ status, headers, body }: Answer): string {
  const kept = Object.entries(headers).filter(([name]) => !['date', 'content-length'].includes(name));
  return JSON.stringify([status, kept, body.replaceAll(/[0-9a-f]{32}/g, 'ID')]);
}

/** An id as a path segment, every byte of it escaped. */
export function escaped(id: string): string {
  return [...Buffer.from(id)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}
