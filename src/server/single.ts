import type { Config } from '../config/schema.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Ambient } from '../wiring/ambient.ts';
import type { Exposure } from './exposure.ts';
import { openGates } from './gates.ts';
import { openPorches } from './porches.ts';
import type { Running } from './running.ts';

export interface SingleDeps {
  readonly config: Config;
  readonly exposure: Exposure;
  readonly ambient: Ambient;
  readonly log: Logger;
}

/** Opens the whole service in this process and listens. Closes what it has opened when anything fails. */
export async function openSingle({ config, exposure, ambient, log }: SingleDeps): Promise<Running> {
  const porches = await openPorches({ config, grpc: exposure.grpc !== undefined, ambient, log });
  try {
    const gates = await openGates({ config, exposure, clock: ambient.clock, paused: false, take: porches.accept });
    return {
      http: gates.http,
      grpc: gates.grpc,
      admin: gates.admin,
      kek: porches.kek,
      reload: porches.reload,
      async drain(deadline) {
        porches.beginClosing();
        await gates.close();
        await porches.drain(deadline);
      },
      async close() {
        gates.destroy();
        await porches.close();
      },
    };
  } catch (error) {
    await porches.close();
    throw error;
  }
}
