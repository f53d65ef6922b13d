import { lookup } from 'node:dns/promises';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Network } from '../system/doctor-network.ts';

/** Milliseconds that one step may take. */
const PATIENCE_MS = 5000;

/** The network of this machine. */
export const systemNetwork: Network = {
  async resolve(host) {
    const found = await within(lookup(host, { all: true }));
    return found.map(({ address }) => address);
  },
  connect: (address) => (address.protocol === 'https:' ? tlsHandshake(address) : tcpHandshake(address)),
  date: (address) => dateOf(address),
};

function tcpHandshake(address: URL): Promise<string> {
  const port = portOf(address);
  const socket = connectPlain({ host: hostOf(address), port });
  return established(socket, 'connect', () => `port ${port} answers`);
}

function tlsHandshake(address: URL): Promise<string> {
  const host = hostOf(address);
  const socket: TLSSocket = connectTls({
    host,
    port: portOf(address),
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
  return established(
    socket,
    'secureConnect',
    () => `${socket.getProtocol()}, certificate until ${new Date(socket.getPeerCertificate().valid_to).toISOString()}`,
  );
}

function established(socket: Socket, event: 'connect' | 'secureConnect', found: () => string): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(timeout()));
    socket.once('error', reject);
    socket.once(event, () => resolve(found()));
  }).finally(() => socket.destroy());
}

/** Every HTTP server tells the time, whatever it answers besides. */
function dateOf(address: URL): Promise<Date | undefined> {
  const send = address.protocol === 'https:' ? tlsRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const request = send(address, { method: 'GET', agent: false, timeout: PATIENCE_MS }, (response) => {
      const date = new Date(response.headers.date ?? '');
      response.destroy();
      resolve(Number.isNaN(date.getTime()) ? undefined : date);
    });
    request.once('timeout', () => request.destroy(timeout()));
    request.once('error', reject);
    request.end();
  });
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(timeout()), PATIENCE_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function timeout(): NodeJS.ErrnoException {
  return Object.assign(new DOMException('no answer in time', 'TimeoutError') as Error, { code: 'ETIMEDOUT' });
}

function hostOf(address: URL): string {
  return address.hostname.replace(/^\[|\]$/g, '');
}

function portOf(address: URL): number {
  if (address.port !== '') return Number(address.port);
  return address.protocol === 'https:' ? 443 : 80;
}
