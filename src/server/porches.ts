import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import type { Config } from '../config/schema.ts';
import type { KekInfo } from '../core/kek.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Ambient } from '../wiring/ambient.ts';
import { openServices, type Services } from '../wiring.ts';
import type { GrpcServer } from './grpc/server.ts';
import type { buildApp } from './http/app.ts';
import { httpPorch } from './http-porch.ts';
import { internalCall } from './internal-call.ts';
import type { Porch } from './porch.ts';
import type { Running } from './running.ts';
import { readTls, secureContext, type TlsMaterial } from './tls.ts';

/** Which listening socket a connection came through. */
export type Listener = 'http' | 'grpc';

export interface PorchesDeps {
  readonly config: Config;
  /** Whether there is a gRPC listener. */
  readonly grpc: boolean;
  readonly ambient: Ambient;
  readonly log: Logger;
}

/** The service, all but its listening sockets. */
export interface Porches extends Pick<Running, 'reload' | 'drain' | 'close'> {
  /** Undefined: sealed, or the KEK lives in a cloud. */
  readonly kek: KekInfo | undefined;
  /** Serves a connection. */
  accept(listener: Listener, socket: Socket): void;
  /** From now on the service says of itself that it is closing; everything goes on being answered. */
  beginClosing(): void;
}

/** Opens the services and what serves them over HTTP and gRPC. Closes what it has opened when anything fails. */
export async function openPorches(deps: PorchesDeps): Promise<Porches> {
  const { config, ambient, log } = deps;
  let tls = await readTls(config.tls, ambient.readFile);
  const { services, app, grpc } = await openParts(deps, tls);
  const http = httpPorch(app.server as HttpServer, { clock: ambient.clock, halfOpen: tls === undefined });
  const porches = { http, grpc } satisfies Record<Listener, Porch | undefined>;
  const close = async () => {
    await Promise.all([http.close(), grpc?.close()]);
    await app.close();
    await services.close();
  };
  try {
    const { kek } = await services.system.status(internalCall());
    return {
      kek,
      accept: (listener, socket) => porches[listener]?.accept(socket),
      beginClosing: () => services.beginClosing(),
      async reload(next) {
        const read = await readTls(next.tls, ambient.readFile);
        const changed = [...(await services.reload(next))];
        if (tls !== undefined && read !== undefined && !sameTls(tls, read)) {
          (app.server as unknown as TlsServer).setSecureContext(secureContext(read));
          grpc?.setTls(read);
          tls = read;
          changed.push('TLS certificate');
        }
        return changed;
      },
      async drain(deadline) {
        const cut = await Promise.all([http.drain(deadline), grpc?.drain(deadline) ?? 0]);
        const connections = cut.reduce((sum, count) => sum + count);
        if (connections > 0) log.warn({ connections }, 'connections were cut at the drain deadline');
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Parts {
  readonly services: Services;
  readonly app: Awaited<ReturnType<typeof buildApp>>;
  readonly grpc: GrpcServer | undefined;
}

/** The frameworks are loaded here and not before: a primary of workers does without them. */
async function openParts({ config, grpc, ambient, log }: PorchesDeps, tls: TlsMaterial | undefined): Promise<Parts> {
  const [http, grpcServer] = await Promise.all([
    import('./http/app.ts'),
    grpc ? import('./grpc/server.ts') : undefined,
  ]);
  const services = await openServices(config, { ...ambient, log });
  try {
    const shared = { services, config, log, clock: ambient.clock, ...(tls === undefined ? {} : { tls }) };
    const app = await http.buildApp(shared);
    return { services, app, grpc: grpcServer?.openGrpcServer({ ...shared, assertRoom: app.assertRoom }) };
  } catch (error) {
    await services.close();
    throw error;
  }
}

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  const same = (x: Buffer | undefined, y: Buffer | undefined) =>
    x === y || (x !== undefined && y !== undefined && x.equals(y));
  return same(a.cert, b.cert) && same(a.key, b.key) && same(a.clientCa, b.clientCa);
}
