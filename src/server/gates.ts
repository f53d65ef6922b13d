import type { Socket } from 'node:net';
import { type Address, formatAddress } from '../config/address.ts';
import type { Config } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import type { Exposure } from './exposure.ts';
import { Gate } from './gate.ts';
import type { Listener } from './porches.ts';
import type { Running } from './running.ts';

export interface GatesDeps {
  readonly clock: Clock;
  readonly exposure: Pick<Exposure, Listener>;
  readonly config: Pick<Config, 'tls'>;
  /** As `GateDeps` has it. */
  readonly paused: boolean;
  take(listener: Listener, socket: Socket): void;
}

/** The listening sockets of a service. */
export interface Gates extends Pick<Running, Listener> {
  /** Stops listening, and loses nobody. */
  close(): Promise<void>;
  /** Stops listening at once. */
  destroy(): void;
}

/** Listens on every address that the service is to have; on none when one of them fails. */
export async function openGates({ clock, exposure, config, paused, take }: GatesDeps): Promise<Gates> {
  const gates: Gate[] = [];
  const destroy = () => {
    for (const gate of gates) gate.destroy();
  };
  const open = async (listener: Listener, address: Address): Promise<string> => {
    const gate = new Gate({ clock, paused, take: (socket) => take(listener, socket) });
    gates.push(gate);
    return formatAddress(await gate.listen(address));
  };
  try {
    const scheme = config.tls.certFile === undefined ? 'http' : 'https';
    const { admin } = exposure;
    return {
      http: `${scheme}://${await open('http', exposure.http)}`,
      admin: admin === undefined ? undefined : `${scheme}://${await open('admin', admin)}`,
      grpc: exposure.grpc === undefined ? 'off' : await open('grpc', exposure.grpc),
      async close() {
        await Promise.all(gates.map((gate) => gate.close()));
      },
      destroy,
    };
  } catch (error) {
    destroy();
    throw error;
  }
}
