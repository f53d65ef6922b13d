import type { WatchedDoor } from '../core/health.ts';
import { ownCall } from '../core/own-call.ts';
import { exposeState, type StateProbes } from '../telemetry/state-metrics.ts';
import type { Ambient } from './ambient.ts';

/** Milliseconds that whoever reads the metrics waits for a door; below what a worker has to tell its own. */
const PATIENCE = 1000;

/**
 * Shows the state of the house in its metrics. The doors are looked at when they are read, as for readiness; one that
 * takes longer than a second is as it was when somebody last looked.
 *
 * @returns the doors, to be looked at from now on.
 */
export function showState(
  ambient: Pick<Ambient, 'audit' | 'metrics' | 'clock' | 'random'>,
  doors: readonly WatchedDoor[],
  probes: Pick<StateProbes, 'sealed' | 'kekSecretFailing' | 'reloadFailed' | 'certificateExpires'>,
): readonly WatchedDoor[] {
  const { audit, metrics, clock } = ambient;
  const seen = new Map<string, boolean>();
  const watched = doors.map(
    (door): WatchedDoor => ({
      passage: door.passage,
      async look(call) {
        const looked = await door.look(call);
        seen.set(looked.report.name, looked.report.state === 'ready');
        return looked;
      },
    }),
  );
  const lookAtAll = async () => {
    const looked = new AbortController();
    const call = ownCall(ambient);
    const looks = Promise.allSettled(watched.map((door) => door.look(call)));
    await Promise.race([looks, clock.sleep(PATIENCE, looked.signal).catch(() => {})]);
    looked.abort();
  };
  exposeState(metrics.registry, {
    ...probes,
    async doors() {
      await lookAtAll();
      return [...seen].map(([name, up]) => ({ name, up }));
    },
    auditFailing: () => audit.failure?.() !== undefined,
    auditLagSeconds: () => audit.lagSeconds?.() ?? 0,
  });
  return watched;
}
