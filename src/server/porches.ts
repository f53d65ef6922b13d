import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Config } from '../config/schema.ts';
import type { KekInfo } from '../core/kek.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Ambient } from '../wiring/ambient.ts';
import { openServices, type Services } from '../wiring.ts';
import { connectionLimit } from './connection-limit.ts';
import type { HttpApp } from './http/app.ts';
import { httpPorch } from './http-porch.ts';
import { internalCall } from './internal-call.ts';
import type { Porch } from './porch.ts';
import type { Running } from './running.ts';

/** Which listening socket a connection came through. */
export type Listener = 'http' | 'grpc' | 'admin';

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

const FEW_FILES = 'a listener takes fewer connections than limits.connections: too few files may be open';

/** Opens the services and what serves them over HTTP and gRPC. Closes what it has opened when anything fails. */
export async function openPorches(deps: PorchesDeps): Promise<Porches> {
  const { ambient, log } = deps;
  const connections = connectionLimit(deps.config);
  const config = { ...deps.config, limits: { ...deps.config.limits, connections } };
  const { services, apps, grpc } = await openParts({ ...deps, config });
  const porchOf = ({ server }: HttpApp) =>
    httpPorch(server as HttpServer, { clock: ambient.clock, tls: services.tls.material });
  const http = porchOf(apps.http);
  const admin = apps.admin === undefined ? undefined : porchOf(apps.admin);
  const porches = { http, grpc, admin } satisfies Record<Listener, Porch | undefined>;
  const open = Object.values(porches).filter((porch) => porch !== undefined);
  services.tls.onChange((material) => {
    for (const porch of open) porch.setTls(material);
  });
  const close = async () => {
    await Promise.all(open.map((porch) => porch.close()));
    await Promise.all([apps.http.close(), apps.admin?.close()]);
    await services.close();
  };
  try {
    const { kek } = await services.system.status(internalCall());
    if (connections !== deps.config.limits.connections) log.warn({ connections }, FEW_FILES);
    return {
      kek,
      accept: (listener, socket) => porches[listener]?.accept(socket),
      beginClosing: () => services.beginClosing(),
      reload: (next) => services.reload(next),
      async drain(deadline) {
        const cut = await Promise.all(open.map((porch) => porch.drain(deadline)));
        const ended = cut.reduce((sum, count) => sum + count);
        if (ended > 0) log.warn({ connections: ended }, 'connections were cut at the drain deadline');
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
  readonly apps: { readonly http: HttpApp; readonly admin: HttpApp | undefined };
  readonly grpc: Porch | undefined;
}

/** The frameworks are loaded here and not before: a primary of workers does without them. */
async function openParts({ config, grpc, ambient, log }: PorchesDeps): Promise<Parts> {
  const [{ buildApp }, grpcServer] = await Promise.all([
    import('./http/app.ts'),
    grpc ? import('./grpc/server.ts') : undefined,
  ]);
  const services = await openServices(config, { ...ambient, log });
  try {
    const { material: tls } = services.tls;
    const shared = { services, config, log, clock: ambient.clock, ...(tls === undefined ? {} : { tls }) };
    const separate = config.admin.listen !== 'off';
    const http = await buildApp(separate ? { ...shared, listener: 'http' } : shared);
    const admin = separate ? await buildApp({ ...shared, listener: 'admin' }) : undefined;
    const served = grpcServer?.openGrpcServer({ ...shared, assertRoom: http.assertRoom });
    return { services, apps: { http, admin }, grpc: served };
  } catch (error) {
    await services.close();
    throw error;
  }
}
