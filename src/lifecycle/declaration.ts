import type { KeySpec } from '../core/key-admin.ts';
import type { KmsUri } from '../core/uri-schemas.ts';

/** What a declaration can want. */
export const WANTED_STATES = ['running', 'stopped', 'terminated'] as const;
export type WantedState = (typeof WANTED_STATES)[number];

/** Days that a termination can be taken back, where a declaration of a key of AWS says nothing. */
export const DELETION_DAYS = 30;

/** One declared key. */
export interface Declaration {
  /** Unique among the declarations of a run: `kms_key:NAME` of a particle; else the name of the key, or where others have it too, the URI. */
  readonly id: string;
  /** Provider, place and name; the secrets in it belong to whoever read the declaration. */
  readonly uri: KmsUri;
  /** What the key is found by: `alias/NAME` for AWS. */
  readonly name: string;
  /** Undefined: nothing is wanted unless somebody says so when it is applied. */
  readonly wanted: WantedState | undefined;
  /** What is declared of the key, and nothing else. Text that begins with `$inherit$` is taken from a parent. */
  readonly spec: KeySpec;
  /** Undefined: as many as the provider gives. */
  readonly deletionDays: number | undefined;
  /** True: wanting it terminated does nothing. */
  readonly keepsOnTermination: boolean;
  /** True: what differs is left as it is. */
  readonly keepsOnUpdate: boolean;
  /** Ids of declarations that are made running before this one, and terminated after it. */
  readonly parents: readonly string[];
  /** A particle: of what cannot be changed nothing is compared, as its makers' own program does. */
  readonly particle: boolean;
}
