import type { Socket } from 'node:net';
import type { Listener } from '../porches.ts';

/** A worker, as far as connections are concerned. */
export interface Receiver {
  /** Gives it a connection. False: it could not take it. Throws when the worker is gone. */
  serve(listener: Listener, socket: Socket): Promise<boolean>;
}

interface Waiting {
  readonly listener: Listener;
  readonly socket: Socket;
}

/**
 * Gives connections to workers in turn: each to the one that has been free for longest, the next one when it has said
 * that it has it. A worker that hangs keeps nobody else waiting.
 *
 * Promises: a connection that came is taken by somebody as long as there is anybody, also when the worker that it was
 * given to ends before it has it. What no worker can take, having no descriptors left, is ended.
 */
export class HandOver {
  readonly #members = new Set<Receiver>();
  /** In the order in which they became free. */
  readonly #free = new Set<Receiver>();
  #waiting: Waiting[] = [];
  #underWay = 0;
  #closing: (() => void) | undefined;

  give(listener: Listener, socket: Socket): void {
    this.#waiting.push({ listener, socket });
    this.#next();
  }

  join(server: Receiver): void {
    this.#members.add(server);
    this.#free.add(server);
    this.#next();
  }

  leave(server: Receiver): void {
    this.#members.delete(server);
    this.#free.delete(server);
    this.#next();
  }

  /** No more will come. Resolves when every connection is taken; where there is no worker left, they are ended. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#closing = resolve;
    this.#next();
    return promise;
  }

  #next(): void {
    if (this.#closing !== undefined && this.#members.size === 0) {
      for (const { socket } of this.#waiting) socket.destroy();
      this.#waiting = [];
    }
    for (const server of this.#free) {
      const first = this.#waiting.shift();
      if (first === undefined) break;
      this.#free.delete(server);
      void this.#hand(server, first);
    }
    if (this.#waiting.length === 0 && this.#underWay === 0) this.#closing?.();
  }

  async #hand(server: Receiver, waiting: Waiting): Promise<void> {
    this.#underWay++;
    try {
      await server.serve(waiting.listener, waiting.socket);
      // Ours alone is closed: the worker has its own.
      waiting.socket.destroy();
      if (this.#members.has(server)) this.#free.add(server);
    } catch {
      this.#members.delete(server);
      this.#waiting.unshift(waiting);
    }
    this.#underWay--;
    this.#next();
  }
}
