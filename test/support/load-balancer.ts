import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { joinSockets } from './joined-sockets.ts';

type Test = { teardown(fn: () => unknown): void };

/**
 * What a Service of Kubernetes is to its callers: each new connection goes to the replica with the fewest of those that were
 * ready when they were last asked, and stays there. Where that one is gone by now, it is refused; nothing is tried again.
 */
export class LoadBalancer {
  readonly #replicas = new Map<string, boolean>();
  /** Open connections by replica. */
  readonly #load = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  readonly #ending = new AbortController();
  url = '';

  static async open(t: Test): Promise<LoadBalancer> {
    const balancer = new LoadBalancer();
    const server = createServer((socket) => balancer.#forward(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    balancer.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const probing = balancer.#probe();
    t.teardown(async () => {
      balancer.#ending.abort();
      for (const socket of balancer.#sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await probing;
    });
    return balancer;
  }

  /** Resolves when it gets connections. */
  async add(http: string): Promise<void> {
    this.#replicas.set(http, false);
    while (this.#replicas.get(http) !== true) await sleep(20);
  }

  remove(http: string): void {
    this.#replicas.delete(http);
  }

  #forward(caller: Socket): void {
    const ready = [...this.#replicas].filter(([, is]) => is).map(([http]) => http);
    const [chosen] = ready.sort((a, b) => (this.#load.get(a) ?? 0) - (this.#load.get(b) ?? 0));
    if (chosen === undefined) return void caller.destroy();
    const { port, hostname } = new URL(chosen);
    const replica = connect(Number(port), hostname);
    this.#load.set(chosen, (this.#load.get(chosen) ?? 0) + 1);
    caller.once('close', () => this.#load.set(chosen, (this.#load.get(chosen) ?? 1) - 1));
    joinSockets(caller, replica, this.#sockets);
  }

  /** Like a readiness probe, more often than the kubelet asks. */
  async #probe(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      for (const http of [...this.#replicas.keys()]) {
        const ready = await fetch(`${http}/readyz`, { signal }).then(
          ({ ok }) => ok,
          () => false,
        );
        if (this.#replicas.has(http)) this.#replicas.set(http, ready);
      }
      await sleep(50, undefined, { signal }).catch(() => {});
    }
  }
}
