import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { joinSockets } from '../../support/joined-sockets.ts';

type Test = { teardown(fn: () => unknown): void };

/** A way to an API server that can be cut and mended, as networks and API servers come and go. */
export class Relay {
  readonly #sockets = new Set<Socket>();
  readonly #target: URL;
  #cut = false;
  url = '';

  static async open(t: Test, target: string): Promise<Relay> {
    const relay = new Relay(target);
    const server = createServer((socket) => relay.#forward(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    relay.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    t.teardown(() => {
      relay.cut();
      return new Promise((resolve) => server.close(resolve));
    });
    return relay;
  }

  private constructor(target: string) {
    this.#target = new URL(target);
  }

  /** Ends what goes through it, and lets nothing through until it is mended. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  #forward(near: Socket): void {
    if (this.#cut) return void near.destroy();
    const far = connect(Number(this.#target.port), this.#target.hostname);
    joinSockets(near, far, this.#sockets);
  }
}
