import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The connections of a server over which no request is being answered: unused, half-sent, in a TLS handshake. */
export interface Quiet {
  destroy(): void;
}

interface Connection {
  /** The TLS socket as soon as there is one. */
  socket: Socket;
  requests: number;
  /** It was told that it closes behind the answer: the server ends it, with all of the answer sent. */
  ending: boolean;
}

/**
 * Watches the connections of a server that does not listen yet. Node's own list of idle connections has only those that
 * have had a request and have sent no byte since.
 */
export function watchQuiet(server: Server): Quiet {
  // By peer: the socket below TLS and the one above are the same connection.
  const open = new Map<string, Connection>();
  const enter = (socket: Socket) => {
    const peer = peerOf(socket);
    if (peer === undefined) return;
    const connection = open.get(peer) ?? { socket, requests: 0, ending: false };
    connection.socket = socket;
    open.set(peer, connection);
    socket.once('close', () => {
      if (open.get(peer)?.socket === socket) open.delete(peer);
    });
  };
  server.on('connection', enter);
  server.on('secureConnection', enter);
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const connection = open.get(peerOf(socket) ?? '');
    if (connection === undefined) return;
    connection.requests++;
    response.once('close', () => {
      connection.requests--;
      connection.ending ||= !response.shouldKeepAlive;
    });
  });
  return {
    destroy() {
      for (const { socket, requests, ending } of open.values()) if (requests === 0 && !ending) socket.destroy();
    },
  };
}

function peerOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
