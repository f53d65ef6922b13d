import { createSecureServer, createServer } from 'node:http2';
import type { Clock } from '../../core/clock.ts';
import type { TlsMaterial } from '../../wiring/tls-file.ts';
import { Connections } from '../connections.ts';
import { drained } from '../drain.ts';
import type { Porch } from '../porch.ts';
import { changeableTls, secureContext } from '../tls.ts';
import { greet } from './greeting.ts';
import type { House } from './house.ts';
import { SESSION, ServedSession } from './session.ts';

/** Milliseconds between two looks at every session. */
const SWEEP = 5000;
const HANDSHAKE_TIMEOUT = 10_000;

export interface TransportDeps {
  readonly house: House;
  readonly clock: Clock;
  readonly tls: TlsMaterial | undefined;
  /** What of a client certificate, where there is a client CA. */
  readonly certificate?: 'required' | 'optional';
  /** Aborted by `drain` and `close`, so that streams of answers end. */
  readonly draining: AbortController;
  /** Connections at a time. */
  readonly connections: number;
}

/** gRPC over HTTP/2, cleartext with prior knowledge or TLS, for any methods, over connections that it is given. */
export function openTransport(deps: TransportDeps): Porch {
  const { house, clock, draining, tls, connections: most } = deps;
  const connections = new Connections();
  const sessions = new Set<ServedSession>();
  const secure =
    tls === undefined ? undefined : createSecureServer({ ...SESSION, ...tlsOptions(tls, deps.certificate) });
  const http2 = secure ?? createServer(SESSION);
  const setTls = secure && tls && changeableTls(secure, connections, tls);
  http2.on('session', (session) => {
    const connection = session.socket && connections.of(session.socket);
    if (connection !== undefined) connection.busy++;
    const served = new ServedSession(house, session);
    sessions.add(served);
    session.once('close', () => sessions.delete(served));
    if (draining.signal.aborted) served.end();
  });
  const sweep = setInterval(() => {
    for (const session of sessions) session.sweep();
  }, SWEEP).unref();
  return {
    accept(socket) {
      socket.allowHalfOpen = false;
      socket.setKeepAlive(true, 60_000);
      if (!connections.add(socket, most)) return;
      if (tls === undefined) greet(socket, () => http2.emit('connection', socket));
      else http2.emit('connection', socket);
    },
    setTls: (next) => setTls?.(next),
    drain(deadline) {
      draining.abort();
      for (const session of sessions) session.end();
      const endIdle = () => {
        for (const session of sessions) session.endIdle();
      };
      return drained(connections, { clock, deadline, endIdle });
    },
    async close() {
      draining.abort();
      clearInterval(sweep);
      connections.destroy();
      await connections.empty();
    },
  };
}

function tlsOptions(tls: TlsMaterial, certificate: TransportDeps['certificate']) {
  const known = tls.clientCa !== undefined;
  return {
    ...secureContext(tls),
    handshakeTimeout: HANDSHAKE_TIMEOUT,
    requestCert: known,
    rejectUnauthorized: known && certificate !== 'optional',
  };
}
