import type { SecureContextOptions } from 'node:tls';
import type { TlsMaterial } from '../wiring/tls-file.ts';

/** In the words of `node:tls`: TLS 1.3 only. */
export function secureContext({ cert, key, clientCa }: TlsMaterial): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.3', ...(clientCa === undefined ? {} : { ca: clientCa }) };
}
