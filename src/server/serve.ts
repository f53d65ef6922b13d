import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { KeysteadError } from '../core/errors.ts';
import { type Logger, openLog } from '../telemetry/log.ts';
import { bareAmbient, systemAmbient } from '../wiring/ambient.ts';
import { kekIsGiven, readKek } from '../wiring/doors.ts';
import { banner } from './banner.ts';
import { exitOnCrash } from './crash.ts';
import { type Exposure, exposureOf } from './exposure.ts';
import { harden } from './hardening.ts';
import { reloadOnHangup } from './reload.ts';
import type { Running } from './running.ts';
import { openSingle } from './single.ts';
import { stopSignals } from './stop.ts';
import { killWorkers, openPool } from './workers/pool.ts';

/** Milliseconds that calls in flight may take once the service is told to end. */
const DRAIN_DEADLINE = 10_000;
/** Milliseconds that a start may still take once the service is told to end. */
const START_GRACE = 2000;

export interface ServeDeps {
  readonly config: Config;
  /** Reads the configuration anew, for SIGHUP; absent: SIGHUP re-reads the files that the configuration names. */
  readonly reload?: () => Promise<Config>;
  /** Where a SIGHUP was held back that came before; it is obeyed when the service is ready. */
  readonly hangups?: { release(): boolean };
  /** The process that serves: its streams, signals and environment. */
  readonly process?: NodeJS.Process;
}

/**
 * Serves until SIGTERM or SIGINT and resolves with the exit status: 0 after an orderly end, that of the error table
 * when the service could not start, with one line on stderr that says why.
 */
export async function serve(deps: ServeDeps): Promise<number> {
  const { config, process = globalThis.process } = deps;
  const log = openLog(config.log.level, process.stderr);
  const release = [exitOnCrash(process, log)];
  try {
    const exposure = exposureOf(config);
    harden(process, config.dev);
    const stop = stopSignals(process, exposure.workers > 1 ? killWorkers : () => {});
    release.push(stop.release);
    const { promise: starting, resolve: begin } = Promise.withResolvers<Running>();
    // Before anything is opened: whoever renews certificates does not know that the service is just starting.
    release.push(reloadOnHangup({ ...deps, process, log, running: starting }));
    begin(start({ config, exposure, process, log }));
    const running = await Promise.race([starting, stop.stopped.then(() => undefined)]);
    if (running !== undefined && !stop.stopping) announce({ running, config, exposure, process, log });
    log.info({ signal: await stop.stopped }, 'closing');
    if (running === undefined) await abandon(starting);
    else await end(running);
    log.info('closed');
    return 0;
  } catch (error) {
    return refuse(KeysteadError.from(error), process.stderr, log);
  } finally {
    for (const undo of release) undo();
  }
}

async function end(running: Running): Promise<void> {
  await running.drain(DRAIN_DEADLINE);
  await running.close();
}

/** Ends a service that is still starting; what it waits for may never come, and then it is left behind. */
async function abandon(starting: Promise<Running>): Promise<void> {
  const ended = starting.then(end).catch(() => {});
  const patience = new AbortController();
  const late = sleep(START_GRACE, undefined, { signal: patience.signal }).then(killWorkers, () => {});
  await Promise.race([ended, late]);
  patience.abort();
}

interface Started {
  readonly config: Config;
  readonly exposure: Exposure;
  readonly process: NodeJS.Process;
  readonly log: Logger;
}

async function start({ config, exposure, process, log }: Started): Promise<Running> {
  if (config.lifecycle.files !== undefined) {
    const { applyLifecycle } = await import('../wiring/lifecycle.ts');
    await applyLifecycle(config, bareAmbient(process.env), log);
  }
  if (exposure.workers === 1) {
    const ambient = await systemAmbient({ audit: config.audit, stdout: process.stdout, env: process.env });
    try {
      return await openSingle({ config, exposure, ambient, log });
    } catch (error) {
      await ambient.audit.close();
      throw error;
    }
  }
  const ambient = bareAmbient(process.env);
  const kek = await readKek(config, ambient);
  return openPool({ config, exposure, kek, clock: ambient.clock, log, readFile: ambient.readFile });
}

/** Says what there is to know, then the one line that scripts wait for. */
function announce({ running, config, exposure, process, log }: Started & { running: Running }): void {
  for (const warning of exposure.warnings) log.warn(warning);
  if (config.dev) process.stderr.write(banner(running, kekIsGiven(config)));
  const { http, grpc, admin } = running;
  log.info({ http, grpc, ...(admin === undefined ? {} : { admin }) }, 'ready');
}

/** One line for whoever started the service; what lies underneath goes to the log, where it is not plain from the line. */
function refuse(error: KeysteadError, stderr: Writable, log: Logger): number {
  if (error.reason === 'unexpected') log.error({ err: error }, 'the service could not start');
  stderr.write(`keystead: ${error.message} (${error.reason})\n`);
  return error.exitStatus;
}
