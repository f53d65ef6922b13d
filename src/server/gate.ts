import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { type Address, formatAddress } from '../config/address.ts';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';

/** Connections that may wait to be accepted; the kernel may allow fewer. */
const BACKLOG = 1024;
/** Milliseconds without a newcomer after which the gate is shut, and how long it waits for them. */
const CALM = 20;
const LAST_CALL = 500;
/** Milliseconds of a turn of the event loop in which next to nothing is done. */
const SHORT = 0.2;

export interface GateDeps {
  readonly clock: Clock;
  /** Whether no byte is to be read here, since another process will. */
  readonly paused: boolean;
  /** Is given every connection, once. */
  take(socket: Socket): void;
}

/** A listening socket. It accepts connections and gives them away; whoever serves them never sees it. */
export class Gate {
  readonly #deps: GateDeps;
  readonly #server: Server;
  /** Newcomers, from when the gate begins to close until it is shut. */
  #held: Socket[] | undefined;

  constructor(deps: GateDeps) {
    this.#deps = deps;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: deps.paused }, (socket) => {
      if (this.#held === undefined) deps.take(socket);
      else this.#hold(this.#held, socket);
    });
  }

  /** Gives the real address. Throws `address-in-use` or `cannot-listen`, naming the address. */
  async listen({ host, port }: Address): Promise<Address> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen({ host, port, backlog: BACKLOG }, resolve);
    try {
      await promise;
    } catch (error) {
      throw cannotListen(error, { host, port });
    } finally {
      this.#server.off('error', reject);
    }
    const bound = this.#server.address();
    return { host, port: typeof bound === 'object' && bound !== null ? bound.port : port };
  }

  /**
   * Stops listening, and gives everybody away who was accepted until then.
   *
   * The kernel resets the connections that wait in its queue when a listening socket is closed, and no call does both,
   * accept the last one and close. So the gate is shut in a moment in which nobody comes: newcomers are held back, so
   * that callers who make a connection for each request wait as well, until there has been calm for a while; then the
   * queue is emptied, and the socket closed in the same turn of the event loop.
   */
  async close(): Promise<void> {
    const held: Socket[] = [];
    this.#held = held;
    await this.#calm(held);
    await this.#emptyQueue(held);
    this.#server.close();
    for (const socket of held) this.#deps.take(socket);
  }

  /** Stops listening at once. */
  destroy(): void {
    this.#server.close();
    for (const socket of this.#held ?? []) socket.destroy();
  }

  #hold(held: Socket[], socket: Socket): void {
    // It may be reset while nobody serves it yet.
    socket.on('error', () => socket.destroy());
    held.push(socket);
  }

  async #calm(held: readonly Socket[]): Promise<void> {
    const { clock } = this.#deps;
    const end = clock.now().getTime() + LAST_CALL;
    const { signal } = new AbortController();
    for (let before = -1; held.length > before && clock.now().getTime() < end; ) {
      before = held.length;
      await clock.sleep(CALM, signal);
    }
  }

  /**
   * A turn of the event loop may take in one connection only, hence as many as it needs until two bring none. Those two
   * must be short: whoever comes while other work is done in them is seen in the next one only.
   */
  async #emptyQueue(held: readonly Socket[]): Promise<void> {
    const end = this.#deps.clock.now().getTime() + LAST_CALL;
    for (let idle = 0; idle < 2 && this.#deps.clock.now().getTime() < end; ) {
      const [before, began] = [held.length, performance.now()];
      await turn();
      idle = held.length === before && performance.now() - began < SHORT ? idle + 1 : 0;
    }
  }
}

/** What went wrong, in the words of the error table. */
function cannotListen(error: unknown, address: Address): KeysteadError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
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
