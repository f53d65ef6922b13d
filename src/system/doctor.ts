import type { Call } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Kek } from '../core/kek.ts';
import type { WrappedKeyStore } from '../core/store.ts';
import { examineKek } from './doctor-kek.ts';
import { examineNetwork, type Network } from './doctor-network.ts';
import { examineStore } from './doctor-store.ts';
import { type Step, Walk } from './doctor-walk.ts';

export type { Step } from './doctor-walk.ts';

/** A door to examine. The doctor closes what it opens. */
export interface Patient<T> {
  /** Credentials removed. */
  readonly uri: string;
  /** Where its calls go; absent for what is in this process, or where only the SDK knows. */
  readonly address?: URL;
  /** Whether it needs the network and credentials. */
  readonly remote: boolean;
  open(): Promise<T>;
}

export interface DoctorDeps {
  /** Throws where the two URIs do not go together. */
  assertMode(): void;
  readonly kms: Patient<Kek>;
  /** Absent for `storage://no-store`. */
  readonly storage?: Patient<WrappedKeyStore>;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of every step as soon as it is done. */
  tell?(step: Step): void;
}

/**
 * Tries everything that the service needs of its KMS and its store, one after the other, each for itself.
 *
 * Promises: what can be told apart is told apart; a step that could only fail because of an earlier one is skipped, not
 * failed; no data key is touched; the probe record that it writes is deleted, or named where that failed.
 * Where the storage URI says `create=true`, a missing bucket or container is created, as the service would.
 */
export async function examine(deps: DoctorDeps, call: Call): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const walk = (door: Step['door']) =>
    new Walk(door, deps.clock, (step) => {
      steps.push(step);
      deps.tell?.(step);
    });
  await walk('service').attempt('configuration', async () => deps.assertMode());
  await examineDoor(walk('kms'), deps.kms, deps, (walk, kek) =>
    examineKek(walk, deps.kms.remote, kek, deps.random, call),
  );
  const { storage } = deps;
  if (storage !== undefined) {
    await examineDoor(walk('storage'), storage, deps, (walk, store) =>
      examineStore(walk, storage.remote, store, deps.random, call),
    );
  }
  return steps;
}

/** The exit status of the worst step: what stays broken is worse than what may pass. */
export function worstExit(steps: readonly Step[]): number {
  const failures = steps.flatMap(({ reason }) => (reason === undefined ? [] : [new KeysteadError(reason, '')]));
  const worst = failures.find(({ retryable }) => !retryable) ?? failures[0];
  return worst === undefined ? 0 : worst.exitStatus;
}

async function examineDoor<T extends { close(): Promise<void> }>(
  walk: Walk,
  patient: Patient<T>,
  deps: Pick<DoctorDeps, 'network' | 'clock'>,
  examineOpened: (walk: Walk, opened: T) => Promise<void>,
): Promise<void> {
  if (patient.address !== undefined) await examineNetwork(walk, patient.address, deps.network);
  else if (patient.remote)
    walk.skip('name resolution', 'only the SDK knows the region: give region= in the URI, or set AWS_REGION');
  const opened = await walk.attempt('open', patient.open);
  if (opened === undefined) return;
  try {
    await examineOpened(walk, opened.value);
  } finally {
    await opened.value.close();
  }
}
