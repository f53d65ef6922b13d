import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type SecureContextOptions, Server as TlsServer } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import type { House } from './call.ts';
import { greet } from './greeting.ts';
import { type ServedSession, serveSession } from './session.ts';

/** Connections of one process at most. */
const MAX_CONNECTIONS = 4096;
/** Connections that may wait to be accepted; the kernel may allow fewer. */
const BACKLOG = 1024;
const HANDSHAKE_TIMEOUT = 10_000;

/** PEM. TLS 1.3 only; with `clientCa`, callers must show a certificate of that authority. */
export interface Tls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa?: Buffer;
}

export interface GrpcServer {
  /** Gives the real address. Rejects with the system's own error, which whoever chose the address puts into words. */
  listen(host: string, port: number): Promise<{ host: string; port: number }>;
  /** Gives new connections another certificate or authority; without TLS it does nothing. Throws what is wrong with it. */
  setTls(tls: Tls): void;
  /** Refuses new calls, waits for those in flight; after `deadlineMs` milliseconds they are cut off. */
  drain(deadlineMs: number): Promise<void>;
  /** Ends everything at once. */
  close(): Promise<void>;
}

export interface TransportDeps {
  readonly house: Omit<House, 'draining'>;
  readonly clock: Clock;
  readonly tls: Tls | undefined;
  /** Aborted by `drain` and `close`, so that methods may know. */
  readonly draining: AbortController;
}

/** gRPC over HTTP/2, cleartext with prior knowledge or TLS, for any methods. Does not listen yet. */
export function openTransport(deps: TransportDeps): GrpcServer {
  const { clock, draining } = deps;
  const house: House = { ...deps.house, draining: draining.signal };
  const sockets = new Set<Socket>();
  const sessions = new Set<ServedSession>();
  const serve = (socket: Socket) => {
    const served = serveSession(house, clock, socket);
    sessions.add(served);
    served.session.once('close', () => sessions.delete(served));
    if (draining.signal.aborted) served.end();
  };
  const listener = openListener(deps.tls, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    greet(socket, serve);
  });
  let stopping: Promise<void> | undefined;
  const stop = () => {
    draining.abort();
    stopping ??= stopped(listener);
    return stopping;
  };
  const close = async () => {
    const stopping = stop();
    for (const { session } of sessions) session.destroy();
    for (const socket of sockets) socket.destroy();
    await stopping;
  };
  return {
    listen: (host, port) => listen(listener, host, port),
    setTls(tls) {
      if (listener instanceof TlsServer) listener.setSecureContext(secureContext(tls));
    },
    async drain(deadlineMs) {
      const stopping = stop();
      for (const served of sessions) served.end();
      const waiting = new AbortController();
      const deadline = clock.sleep(deadlineMs, waiting.signal).then(close, () => {});
      await Promise.race([stopping, deadline]);
      waiting.abort();
      await stopping;
    },
    close,
  };
}

function openListener(tls: Tls | undefined, accept: (socket: Socket) => void): Server {
  const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 };
  const listener =
    tls === undefined
      ? createServer(options, accept)
      : createTlsServer(
          {
            ...options,
            ...secureContext(tls),
            ALPNProtocols: ['h2'],
            handshakeTimeout: HANDSHAKE_TIMEOUT,
            requestCert: tls.clientCa !== undefined,
            rejectUnauthorized: tls.clientCa !== undefined,
          },
          accept,
        );
  listener.maxConnections = MAX_CONNECTIONS;
  return listener;
}

function secureContext({ cert, key, clientCa }: Tls): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.3', ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

async function listen(listener: Server, host: string, port: number): Promise<{ host: string; port: number }> {
  listener.listen({ host, port, backlog: BACKLOG });
  await once(listener, 'listening');
  const { address, port: real } = listener.address() as AddressInfo;
  return { host: address, port: real };
}

/** Takes no more connections; resolves when the last one has ended. */
function stopped(listener: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!listener.listening) resolve();
    else listener.close(() => resolve());
  });
}
