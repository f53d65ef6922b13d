import cluster from 'node:cluster';
import { Socket } from 'node:net';
import { KeysteadError } from '../../core/errors.ts';
import type { ExplainedRefusal } from '../../policy/refusals.ts';
import { type Logger, openLog } from '../../telemetry/log.ts';
import { type Ambient, systemAmbient } from '../../wiring/ambient.ts';
import { exitOnCrash } from '../crash.ts';
import { harden } from '../hardening.ts';
import { type Listener, openPorches, type Porches } from '../porches.ts';
import { type PlainFiles, snapshotReader } from './file-snapshot.ts';
import { fromPlain, type LockedOut, type PlainKek, type Reload, type Start, type Started } from './protocol.ts';
import { type Handlers, Rpc } from './rpc.ts';
import { sharedCustody } from './shared-custody.ts';

/** One worker process: does what its primary says, and ends with it. */
export function work(process: NodeJS.Process): void {
  process.on('disconnect', () => process.exit(0));
  process.stderr.on('error', () => {});
  let porches: Porches | undefined;
  let files: PlainFiles = new Map();
  let log: Logger | undefined;
  const handlers: Handlers = {
    start: async (body) => {
      const start = body as Start;
      files = start.files;
      log = openLog(start.config.log.level, process.stderr);
      exitOnCrash(process, log);
      harden(process, start.config.dev);
      porches = await openPorches({
        config: start.config,
        grpc: start.grpc,
        ambient: await memberAmbient(process, start),
        log,
      });
      return { kek: porches.kek } satisfies Started;
    },
    serve: async (body, handle) => {
      if (!(handle instanceof Socket)) return false;
      opened(porches).accept(body as Listener, handle);
      return true;
    },
    take: (body) => custody.take(body as PlainKek),
    metrics: () => metrics(),
    refusals: async (body) => localRefusals(body as string),
    lockedOut: async (body) => {
      const { place, at } = body as LockedOut;
      lockOut(place, at);
    },
    reload: async (body) => {
      const { config, files: next } = body as Reload;
      files = next;
      const changed = await opened(porches).reload(config);
      if (log !== undefined) log.level = config.log.level;
      return changed;
    },
    closing: async () => opened(porches).beginClosing(),
    drain: (body) => opened(porches).drain(body as number),
    close: async () => {
      await porches?.close();
      // After the answer is on its way.
      setImmediate(() => cluster.worker?.disconnect());
    },
  };
  const report = (error: unknown) => log?.error({ err: error }, 'a call between processes failed');
  // A primary that is gone is told by `disconnect`, not by what can no longer be sent to it.
  const send = (message: unknown) => process.send?.(message, undefined, undefined, () => {});
  const primary = new Rpc(send, handlers, report);
  const custody = sharedCustody(primary);
  let metrics: () => Promise<unknown> = async () => [];
  let lockOut: (place: string, at: number) => void = () => {};
  let localRefusals: (auditId: string) => ExplainedRefusal[] = () => [];
  process.on('message', (message, handle) => primary.receive(message, handle));

  async function memberAmbient(process: NodeJS.Process, start: Start): Promise<Ambient> {
    const alone = await systemAmbient({ audit: start.config.audit, stdout: process.stdout, env: process.env });
    metrics = () => alone.metrics.snapshot();
    return {
      ...alone,
      readFile: (path, max) => snapshotReader(files, alone.readFile)(path, max),
      metrics: {
        ...alone.metrics,
        exposition: async () => (await primary.call('exposition')) as { contentType: string; body: string },
      },
      member: {
        kek: start.kek === undefined ? undefined : fromPlain(start.kek),
        startedAt: start.startedAt,
        inForce: {
          find: (path) => start.inForce.get(path),
          // A primary that is gone needs no copies.
          keep: (path, bytes) => void primary.call('inForce', { path, bytes }).catch(() => {}),
        },
        share: custody.share,
        shareLockOut(lock) {
          lockOut = lock;
          return async (place) => void (await primary.call('refusedLogin', place));
        },
        shareRefusals(local) {
          localRefusals = local;
          return async (auditId) => (await primary.call('refusals', auditId)) as ExplainedRefusal[];
        },
      },
    };
  }
}

function opened(porches: Porches | undefined): Porches {
  if (porches === undefined) throw new KeysteadError('closing', 'the worker has not started');
  return porches;
}
