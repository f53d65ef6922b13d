import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { Connections } from './connections.ts';
import { drained } from './drain.ts';
import type { Porch } from './porch.ts';

/** @param halfOpen whether a caller that has closed its half of the connection still gets its answer. */
export function httpPorch(server: Server, deps: { readonly clock: Clock; readonly halfOpen: boolean }): Porch {
  const connections = new Connections();
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
      socket.allowHalfOpen = deps.halfOpen;
      if (connections.add(socket, server.maxConnections)) server.emit('connection', socket);
    },
    drain(deadline) {
      server.prependListener('request', (_request, response) => {
        response.shouldKeepAlive = false;
      });
      return drained(connections, { clock: deps.clock, deadline, endIdle: () => server.closeIdleConnections() });
    },
    async close() {
      server.close();
      connections.destroy();
      await connections.empty();
    },
  };
}
