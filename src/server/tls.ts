import type { SecureContextOptions, Server } from 'node:tls';
import type { TlsMaterial } from '../wiring/tls-file.ts';
import { ClientAuthority } from './client-authority.ts';
import type { Connections } from './connections.ts';

/** In the words of `node:tls`: TLS 1.3 only. */
export function secureContext({ cert, key, clientCa }: TlsMaterial): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.3', ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

/** How to give a listener other material. Open connections go on, but for those that `ClientAuthority` ends. */
export function changeableTls(server: Server, connections: Connections, tls: TlsMaterial): (next: TlsMaterial) => void {
  const authority = tls.clientCa && new ClientAuthority(server, connections, tls.clientCa);
  return (next) => {
    server.setSecureContext(secureContext(next));
    if (next.clientCa !== undefined) authority?.change(next.clientCa);
  };
}
