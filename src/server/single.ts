import type { Server as HttpServer } from 'node:http';
import type { Server as TlsServer } from 'node:tls';
import { type Address, formatAddress } from '../config/address.ts';
import type { Config } from '../config/schema.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Ambient } from '../wiring/ambient.ts';
import { openServices, type Services } from '../wiring.ts';
import { drainHttp } from './drain.ts';
import type { Exposure } from './exposure.ts';
import type { GrpcServer } from './grpc/server.ts';
import type { buildApp } from './http/app.ts';
import { internalCall } from './internal-call.ts';
import { cannotListen, listen } from './listen.ts';
import { watchQuiet } from './quiet.ts';
import type { Running } from './running.ts';
import { readTls, secureContext, type TlsMaterial } from './tls.ts';

export interface SingleDeps {
  readonly config: Config;
  readonly exposure: Pick<Exposure, 'http' | 'grpc'>;
  readonly ambient: Ambient;
  readonly log: Logger;
}

type App = Awaited<ReturnType<typeof buildApp>>;

interface Parts {
  readonly services: Services;
  readonly app: App;
  readonly grpc: GrpcServer | undefined;
}

/** Opens the whole service in this process and listens. Closes what it has opened when anything fails. */
export async function openSingle(deps: SingleDeps): Promise<Running> {
  const { config, exposure, ambient, log } = deps;
  let tls = await readTls(config.tls);
  const parts = await openParts(deps, tls);
  const { services, app, grpc } = parts;
  const quiet = watchQuiet(app.server as HttpServer);
  try {
    const http = await listen(app.server, exposure.http);
    const bound = await listenGrpc(grpc, exposure.grpc);
    const { kek } = await services.system.status(internalCall());
    return {
      http: `${tls === undefined ? 'http' : 'https'}://${formatAddress(http)}`,
      grpc: bound === undefined ? 'off' : formatAddress(bound),
      kek,
      async reload(next) {
        const read = await readTls(next.tls);
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
        services.beginClosing();
        const [cut] = await Promise.all([
          drainHttp(app.server as HttpServer, quiet, ambient.clock, deadline),
          grpc?.drain(deadline),
        ]);
        if (cut > 0) log.warn({ connections: cut }, 'connections were cut at the drain deadline');
      },
      close: () => closeParts(parts),
    };
  } catch (error) {
    await closeParts(parts);
    throw error;
  }
}

/** The frameworks are loaded here and not before: a primary of workers does without them. */
async function openParts({ config, exposure, ambient, log }: SingleDeps, tls: TlsMaterial | undefined): Promise<Parts> {
  const [http, grpcServer] = await Promise.all([
    import('./http/app.ts'),
    exposure.grpc === undefined ? undefined : import('./grpc/server.ts'),
  ]);
  const services = await openServices(config, ambient);
  try {
    const shared = { services, config, log, clock: ambient.clock, ...(tls === undefined ? {} : { tls }) };
    const app = await http.buildApp(shared);
    const grpc = await grpcServer?.openGrpcServer(shared);
    await app.ready();
    return { services, app, grpc };
  } catch (error) {
    await services.close();
    throw error;
  }
}

async function closeParts({ services, app, grpc }: Parts): Promise<void> {
  app.server.close();
  app.server.closeAllConnections();
  await grpc?.close();
  await app.close();
  await services.close();
}

async function listenGrpc(grpc: GrpcServer | undefined, address: Address | undefined): Promise<Address | undefined> {
  if (grpc === undefined || address === undefined) return undefined;
  try {
    const { port } = await grpc.listen(address.host, address.port);
    return { host: address.host, port };
  } catch (error) {
    throw cannotListen(error, address);
  }
}

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  const same = (x: Buffer | undefined, y: Buffer | undefined) =>
    x === y || (x !== undefined && y !== undefined && x.equals(y));
  return same(a.cert, b.cert) && same(a.key, b.key) && same(a.clientCa, b.clientCa);
}
