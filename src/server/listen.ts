import type { Server } from 'node:net';
import { type Address, formatAddress } from '../config/address.ts';
import { KeysteadError } from '../core/errors.ts';

/** Connections that may wait to be accepted; the kernel may allow fewer. */
const BACKLOG = 1024;

/** Begins to listen. Gives the real address. Throws `address-in-use` or `cannot-listen`, naming the address. */
export async function listen(server: Server, address: Address): Promise<Address> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host: address.host, port: address.port, backlog: BACKLOG }, resolve);
  try {
    await promise;
  } catch (error) {
    throw cannotListen(error, address);
  } finally {
    server.off('error', reject);
  }
  const bound = server.address();
  return { host: address.host, port: typeof bound === 'object' && bound !== null ? bound.port : address.port };
}

/** What went wrong when a listener was opened, in the words of the error table. */
export function cannotListen(error: unknown, address: Address): KeysteadError {
  if (error instanceof KeysteadError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? (/\bE[A-Z]{4,}\b/.exec(String(error))?.[0] || 'unknown error');
  const where = formatAddress(address);
  if (code === 'EADDRINUSE') {
    return new KeysteadError('address-in-use', `the address ${where} is in use by another process; give another port`, {
      cause: error,
    });
  }
  const why: Record<string, string> = {
    EACCES: 'this user may not listen there; ports below 1024 are reserved',
    EADDRNOTAVAIL: 'this machine does not have that address',
    ENOTFOUND: 'there is no such host',
    EAI_AGAIN: 'the host could not be looked up',
  };
  return new KeysteadError('cannot-listen', `cannot listen on ${where}: ${why[code] ?? code}`, { cause: error });
}
