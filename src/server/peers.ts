import type { Socket } from 'node:net';
import type { ClientCertificate } from '../core/authenticator.ts';
import { clientCertificates } from './client-certificate.ts';

/** Who is at the other end of a connection, before anybody has shown a token. */
export interface Peer {
  /** Without its port; IPv4 as such, also where the socket is an IPv6 one. */
  readonly source?: string;
  readonly certificate?: ClientCertificate;
}

/** Tells the peer of a connection. */
export type PeerOf = (socket: Socket) => Peer;

/** Tells the peer of a connection; found out once for each. To be asked when the handshake is over. */
export function peers(): PeerOf {
  const certificateOf = clientCertificates();
  const known = new WeakMap<object, Peer>();
  return (socket) => {
    const found = known.get(socket);
    if (found !== undefined) return found;
    const source = socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/i, '');
    const certificate = certificateOf(socket);
    const peer = {
      ...(source === undefined ? {} : { source }),
      ...(certificate === undefined ? {} : { certificate }),
    };
    known.set(socket, peer);
    return peer;
  };
}
