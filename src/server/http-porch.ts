import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import type { TlsMaterial } from '../wiring/tls-file.ts';
import { Connections } from './connections.ts';
import { drained } from './drain.ts';
import type { Porch } from './porch.ts';
import { changeableTls } from './tls.ts';

/** @param deps.tls what the server was opened with. */
export function httpPorch(
  server: Server,
  { clock, tls }: { readonly clock: Clock; readonly tls: TlsMaterial | undefined },
): Porch {
  const connections = new Connections();
  const setTls = tls && changeableTls(server as Server & TlsServer, connections, tls);
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const connection = connections.of(socket);
    if (connection === undefined) return;
    connection.busy++;
    response.on('close', () => {
      connection.busy--;
      connection.ending ||= !response.shouldKeepAlive;
    });
  });
  // Node begins to look for callers that are too slow when a server listens, which this one does not do itself.
  server.emit('listening');
  return {
    accept(socket) {
      // Without TLS, a caller that has closed its half of the connection still gets its answer.
      socket.allowHalfOpen = tls === undefined;
      if (connections.add(socket, server.maxConnections)) server.emit('connection', socket);
    },
    setTls: (next) => setTls?.(next),
    drain(deadline) {
      server.prependListener('request', (_request, response) => {
        response.shouldKeepAlive = false;
      });
      return drained(connections, { clock, deadline, endIdle: () => server.closeIdleConnections() });
    },
    async close() {
      server.close();
      connections.destroy();
      await connections.empty();
    },
  };
}
