import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { DetailedPeerCertificate, Server, TLSSocket } from 'node:tls';
import { certificatesIn } from '../core/certificates.ts';
import type { Connections } from './connections.ts';

type Authorities = readonly X509Certificate[];

/** Certificates of a client's own that are looked at. */
const MOST_IN_CHAIN = 8;
/** Connections that are looked at in one turn of the event loop: some milliseconds. */
const AT_A_TIME = 50;

/**
 * The authority that the certificates of the clients of one listener come from.
 *
 * Promises: where it changes, the connections end of those whose certificate comes from none that counts any more, also
 * of those whose handshake was under way; nobody else's is touched.
 */
export class ClientAuthority {
  readonly #connections: Connections;
  readonly #proven = new Set<TLSSocket>();
  /** Whom the handshake of a connection asks. */
  readonly #asked = new WeakMap<Socket, Authorities>();
  #authorities: Authorities;

  /** @param connections of that listener, below TLS. */
  constructor(server: Server, connections: Connections, clientCa: Buffer) {
    this.#connections = connections;
    this.#authorities = certificatesIn(clientCa);
    server.prependListener('connection', (socket: Socket) => this.#asked.set(socket, this.#authorities));
    server.prependListener('secureConnection', (socket) => this.#prove(socket));
  }

  /** To be told when new handshakes ask the new one already. */
  change(clientCa: Buffer): void {
    const before = this.#authorities;
    this.#authorities = certificatesIn(clientCa);
    const left = new Set(this.#authorities.map(({ fingerprint256 }) => fingerprint256));
    if (before.some(({ fingerprint256 }) => !left.has(fingerprint256))) void this.#lookAtAll();
  }

  #prove(socket: TLSSocket): void {
    if (!socket.authorized) return;
    this.#proven.add(socket);
    socket.once('close', () => this.#proven.delete(socket));
    const below = this.#connections.of(socket)?.socket;
    if (below === undefined || this.#asked.get(below) !== this.#authorities) this.#look(socket);
  }

  async #lookAtAll(): Promise<void> {
    let looked = 0;
    for (const socket of [...this.#proven]) {
      this.#look(socket);
      if (++looked % AT_A_TIME === 0) await turn();
    }
  }

  #look(socket: TLSSocket): void {
    if (!socket.destroyed && !comesFrom(socket, this.#authorities)) socket.destroy();
  }
}

/** What cannot be told is not so. */
function comesFrom(socket: TLSSocket, authorities: Authorities): boolean {
  try {
    return chainOf(socket).some((one) => leadsToRoot(one, authorities));
  } catch {
    return false;
  }
}

/** The certificate of a client and those that it has sent with it, which the handshake has found to be in order. */
function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let at: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (at?.raw !== undefined && chain.length < MOST_IN_CHAIN) {
    chain.push(new X509Certificate(at.raw));
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
  }
  return chain;
}

/** As in a handshake, a certificate in between is no authority by itself. */
function leadsToRoot(one: X509Certificate, authorities: Authorities): boolean {
  return authorities.some((by) => {
    if (!isIssuedBy(one, by)) return false;
    return isIssuedBy(by, by) || leadsToRoot(by, without(authorities, by));
  });
}

function without(authorities: Authorities, one: X509Certificate): Authorities {
  return authorities.filter((each) => each !== one);
}

function isIssuedBy(one: X509Certificate, by: X509Certificate): boolean {
  return one.checkIssued(by) && one.verify(by.publicKey);
}
