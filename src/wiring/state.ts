import type { WatchedDoor } from '../core/health.ts';
import { exposeState, type StateProbes } from '../telemetry/state-metrics.ts';
import type { Ambient } from './ambient.ts';

/**
 * Shows the state of the house in its metrics. Nothing is asked when they are read: a door is as it was when somebody
 * last looked.
 *
 * @returns the doors, to be looked at from now on.
 */
export function showState(
  ambient: Pick<Ambient, 'audit' | 'metrics'>,
  doors: readonly WatchedDoor[],
  probes: Pick<StateProbes, 'sealed' | 'kekSecretFailing' | 'reloadFailed' | 'certificateExpires'>,
): readonly WatchedDoor[] {
  const { audit, metrics } = ambient;
  const seen = new Map<string, boolean>();
  exposeState(metrics.registry, {
    ...probes,
    doors: () => [...seen].map(([name, up]) => ({ name, up })),
    auditFailing: () => audit.failure?.() !== undefined,
    auditLagSeconds: () => audit.lagSeconds?.() ?? 0,
  });
  return doors.map((door) => ({
    passage: door.passage,
    async look(call) {
      const looked = await door.look(call);
      seen.set(looked.report.name, looked.report.state === 'ready');
      return looked;
    },
  }));
}
