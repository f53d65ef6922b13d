import cluster from 'node:cluster';
import type { Config } from '../../config/schema.ts';
import { KeysteadError } from '../../core/errors.ts';
import { type Logger, openLog } from '../../telemetry/log.ts';
import { type Ambient, systemAmbient } from '../../wiring/ambient.ts';
import { exitOnCrash } from '../crash.ts';
import { harden } from '../hardening.ts';
import type { Running } from '../running.ts';
import { openSingle } from '../single.ts';
import { fromPlain, type PlainKek, type Start, type Started } from './protocol.ts';
import { type Handlers, Rpc } from './rpc.ts';
import { sharedCustody } from './shared-custody.ts';

/** One worker process: does what its primary says, and ends with it. */
export function work(process: NodeJS.Process): void {
  // A terminal signals the whole group; who ends when is the primary's decision.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('disconnect', () => process.exit(0));
  process.stderr.on('error', () => {});
  let running: Running | undefined;
  let log: Logger | undefined;
  const handlers: Handlers = {
    start: async (body) => {
      const start = body as Start;
      log = openLog(start.config.log.level, process.stderr);
      exitOnCrash(process, log);
      harden(process, start.config.dev);
      running = await openSingle({
        config: start.config,
        exposure: start,
        ambient: memberAmbient(process, start),
        log,
      });
      return { http: running.http, grpc: running.grpc, kek: running.kek } satisfies Started;
    },
    take: (body) => custody.take(body as PlainKek),
    metrics: () => metrics(),
    reload: async (body) => {
      const config = body as Config;
      if (log !== undefined) log.level = config.log.level;
      return opened(running).reload(config);
    },
    drain: (body) => opened(running).drain(body as number),
    close: async () => {
      await running?.close();
      // After the answer is on its way.
      setImmediate(() => cluster.worker?.disconnect());
    },
  };
  const report = (error: unknown) => log?.error({ err: error }, 'a call between processes failed');
  const primary = new Rpc((message) => process.send?.(message), handlers, report);
  const custody = sharedCustody(primary);
  let metrics: () => Promise<unknown> = async () => [];
  process.on('message', (message) => primary.receive(message));

  function memberAmbient(process: NodeJS.Process, start: Start): Ambient {
    const alone = systemAmbient({ stdout: process.stdout, env: process.env });
    metrics = () => alone.metrics.snapshot();
    return {
      ...alone,
      metrics: {
        ...alone.metrics,
        exposition: async () => (await primary.call('exposition')) as { contentType: string; body: string },
      },
      member: {
        kek: start.kek === undefined ? undefined : fromPlain(start.kek),
        startedAt: start.startedAt,
        share: custody.share,
      },
    };
  }
}

function opened(running: Running | undefined): Running {
  if (running === undefined) throw new KeysteadError('closing', 'the worker has not started');
  return running;
}
