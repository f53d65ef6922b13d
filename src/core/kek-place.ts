import type { Call } from './call.ts';
import type { KeysteadError } from './errors.ts';
import type { MasterSecret } from './kek.ts';

/** What somebody who looks at a place sees. Whoever is given a KEK disposes it. */
export type KekSight =
  | { readonly kek: MasterSecret }
  /** There is nothing. */
  | { readonly absent: true }
  /** There is something that is no master secret. */
  | { readonly unfit: KeysteadError }
  /** Nothing can be seen now. */
  | { readonly away: KeysteadError };

/**
 * A place beside the service where its KEK stays, one at most, so that a restart needs nobody.
 *
 * Promises: `create` never writes over anything, also between processes; what was written stays until people remove it.
 */
export interface KekPlace {
  /** For people: `the Secret keystead/kek`. */
  readonly name: string;
  /**
   * Undefined: there is nothing. The caller disposes what there is. Throws `bad-master-secret` or `bad-salt` where it
   * is no master secret, and `kek-secret-unreachable`.
   */
  read(call: Call): Promise<MasterSecret | undefined>;
  /** False: there is something already. Throws `kek-secret-unreachable`. */
  create(kek: MasterSecret, call: Call): Promise<boolean>;
  /**
   * Looks, and looks again when something changes, one sight after the other. Where `seen` throws, it is told so as
   * `away`, and there is another look soon.
   */
  watch(seen: (sight: KekSight) => Promise<void>): KekWatch;
}

/** How the place stands, in words for anybody. */
export interface KekPlaceReport {
  /** For people: `the Secret keystead/kek`. */
  readonly name: string;
  /**
   * `held`: it holds the KEK of this service. `other`: it holds something else. `absent`: it holds nothing.
   * `unseen`: it cannot be seen now, or was not looked at yet.
   */
  readonly state: 'held' | 'other' | 'absent' | 'unseen';
  /** In plain words, while a service that starts now would not have this KEK from there. */
  readonly problem?: string;
  /** Since when the state is what it is. */
  readonly since: Date;
}

export interface KekWatch {
  /** Nothing is seen after it. */
  close(): Promise<void>;
}
