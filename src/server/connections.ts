import type { Socket } from 'node:net';

/** One connection, as the listener accepted it: below TLS. */
export interface Connection {
  readonly socket: Socket;
  /** What is served over it: requests, or a session of them. */
  busy: number;
  /** Its peer knows that it ends behind the answer: whoever serves it closes it, with all of the answer sent. */
  ending: boolean;
}

/** What tells a peer's connections apart, below TLS and above. */
type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>;

/**
 * The connections of one listener in this process, by whether anything is served over them. Node's own lists have only
 * those that have had a request and have sent no byte since.
 */
export class Connections {
  readonly #open = new Map<string, Connection>();
  /** What was found once: to ask the system for names costs each request more than this. */
  readonly #known = new WeakMap<Peer, Connection>();

  get size(): number {
    return this.#open.size;
  }

  /** Takes a new one in, or ends it where there are `most` already. False: it is not to be served. */
  add(socket: Socket, most: number): boolean {
    const peer = nameOf(socket);
    if (peer === undefined || this.#open.size >= most) {
      socket.destroy();
      return false;
    }
    this.#open.set(peer, { socket, busy: 0, ending: false });
    socket.once('close', () => {
      if (this.#open.get(peer)?.socket === socket) this.#open.delete(peer);
    });
    return true;
  }

  /** The connection that a socket, or what TLS has made of it, belongs to. */
  of(peer: Peer): Connection | undefined {
    const known = this.#known.get(peer);
    if (known !== undefined) return known;
    const found = this.#open.get(nameOf(peer) ?? '');
    if (found !== undefined) this.#known.set(peer, found);
    return found;
  }

  /** Ends those over which nothing is served: unused, half-sent, in a TLS handshake. */
  destroyQuiet(): void {
    for (const { socket, busy, ending } of this.#open.values()) if (busy === 0 && !ending) socket.destroy();
  }

  destroy(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }

  /** Resolves when none is left. */
  async empty(): Promise<void> {
    for (;;) {
      const [first] = this.#open.values();
      if (first === undefined) return;
      await new Promise((resolve) => first.socket.once('close', resolve));
    }
  }
}

function nameOf({ remoteAddress, remotePort }: Peer): string | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
