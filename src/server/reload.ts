import type { Config } from '../config/schema.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Running } from './running.ts';

export interface ReloadDeps {
  readonly process: NodeJS.Process;
  readonly log: Logger;
  readonly config: Config;
  /** SIGHUP may come before it is there: it is obeyed then. */
  readonly running: Promise<Running>;
  /** Reads the configuration anew; absent: the files that the first one names are read anew. */
  reload?(): Promise<Config>;
  /** Where one was held back that came before anybody obeyed. */
  readonly hangups?: { release(): boolean };
}

/**
 * On SIGHUP re-reads log level, admin token and TLS certificate; never the KEK, never the addresses. What cannot be
 * read stays as it was. Gives back how to stop listening for the signal.
 */
export function reloadOnHangup(deps: ReloadDeps): () => void {
  const { process, config } = deps;
  // The terminal of a development server was closed: it ends with it, as any other program there.
  if (config.dev && process.stderr.isTTY) {
    if (deps.hangups?.release()) process.kill(process.pid, 'SIGHUP');
    return () => {};
  }
  let turn: Promise<void> = Promise.resolve();
  const hangup = () => {
    turn = turn.then(async () => {
      // A service that did not start has said so, and nobody is left to reload.
      const running = await deps.running.catch(() => undefined);
      if (running !== undefined) await obey(deps, running);
    });
  };
  process.on('SIGHUP', hangup);
  if (deps.hangups?.release()) hangup();
  return () => process.off('SIGHUP', hangup);
}

async function obey({ log, config, reload }: ReloadDeps, running: Running): Promise<void> {
  try {
    const next = (await reload?.()) ?? config;
    const changed = [...(await running.reload(next))];
    if (next.log.level !== log.level) {
      log.level = next.log.level;
      changed.push('log level');
    }
    log.info({ changed }, 'reloaded');
  } catch (error) {
    log.error({ err: error }, 'nothing was reloaded');
  }
}
