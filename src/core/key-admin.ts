import type { Call } from './call.ts';

/**
 * What a key is to those who use it. `terminated`: it is being deleted. `pending`: it is being made or changed, waits for
 * its material, or its key store is away; it may be any of the others soon.
 */
export type KeyState = 'running' | 'stopped' | 'terminated' | 'pending';

/** What of a key is read only where it is asked for: each of them costs a call to AWS. */
export type KeyField = 'tags' | 'policy' | 'rotation';

/** The tag by which the keys that Keystead made for a name are found again; its value is the name, without `alias/`. */
export const NAME_TAG = 'keystead:name';

/**
 * What is wanted of a key. What is absent is the provider's choice. What a provider does not have it refuses with
 * `not-supported`, before any call.
 */
export interface KeySpec extends KeyChange {
  /** `SYMMETRIC_DEFAULT`; a provider's own word, such as `RSA_2048`. */
  readonly spec?: string;
  /** `ENCRYPT_DECRYPT`; a provider's own word. */
  readonly usage?: string;
  /** `AWS_KMS`, `EXTERNAL`, `AWS_CLOUDHSM`, `EXTERNAL_KEY_STORE`; of other providers their protection level. */
  readonly origin?: string;
  readonly customKeyStoreId?: string;
  /** Of the key in an external key store. */
  readonly xksKeyId?: string;
  readonly multiRegion?: boolean;
  /** Days that a termination can be taken back, where the provider fixes them when it makes the key. */
  readonly deletionDays?: number;
}

/** What of a key can be changed; what is absent stays as it is. */
export interface KeyChange {
  readonly enabled?: boolean;
  readonly description?: string;
  /** All tags of the key but `NAME_TAG` and those of the provider itself: others are removed. */
  readonly tags?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly policy?: string;
  readonly bypassPolicyLockoutSafetyCheck?: boolean;
  /** Days between rotations; 0: none. */
  readonly rotationDays?: number;
}

/** A key as its KMS describes it. */
export interface ManagedKey {
  /** As the KMS takes it: an AWS key id, a resource name, the URL of a vault's key. */
  readonly id: string;
  /** What wrapped keys say of the key that wrapped them begins so: an AWS ARN, a resource name, the URL of a key. */
  readonly resource: string;
  /** Whether its name leads to it. */
  readonly named: boolean;
  readonly state: KeyState;
  /** The provider's own word for the state, such as `PendingImport`. */
  readonly providerState: string;
  readonly description?: string;
  readonly spec?: string;
  readonly usage?: string;
  readonly origin?: string;
  readonly customKeyStoreId?: string;
  readonly multiRegion?: boolean;
  /** Where it was asked for: all but `NAME_TAG` and those of the provider itself. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Where tags were asked for: the value of `NAME_TAG`, or the name where the provider needs no tag for it. */
  readonly nameTag?: string;
  readonly policy?: string;
  /** Days; 0: it is not rotated. */
  readonly rotationDays?: number;
  readonly createdAt?: Date;
  /** When it is gone for good. */
  readonly deletionDate?: Date;
}

/**
 * Looks after the keys of one place in a KMS: an account and region, a key ring, a vault.
 *
 * A name is what a `kms` URI of that provider says in `keyName`: `alias/NAME` for AWS. Names move; what was wrapped stays
 * with the key.
 *
 * Promises: of several who create a name at once all get the same key, and no other key of theirs stays usable; a create
 * that was cut short, at any call, is completed by the next one, with the key that it had made (where `NAME_TAG` is set);
 * whatever has the effect already is no error.
 * Does not promise: that the next `find` sees a change at once; AWS takes seconds, at times.
 */
export interface KeyAdmin {
  /** The key that the name leads to. Undefined: the name is free, or nothing but terminated keys are left under it. */
  find(name: string, fields: readonly KeyField[], call: Call): Promise<ManagedKey | undefined>;
  /**
   * Keys that were made for the name, or for any where it is undefined, and that no name leads to any more: being deleted,
   * or left behind by a create that was cut short. The newest last.
   */
  earlier(name: string | undefined, call: Call): Promise<readonly ManagedKey[]>;
  /**
   * Makes a key under a free name, or takes the one up that an earlier create had made; where somebody else was first,
   * gives that key. A key that could not get its name is deleted again.
   */
  create(name: string, spec: KeySpec, call: Call): Promise<ManagedKey>;
  /** Changes a key. Refuses what cannot be changed before it changes anything. */
  update(name: string, key: ManagedKey, change: KeyChange, call: Call): Promise<void>;
  /**
   * Begins the deletion of a key, and frees its name. Nothing that it wraps can be opened from now on.
   *
   * @param days in which it can be taken back; undefined: as many as the provider gives. Another number than a provider
   *   has fixed before is `not-supported`.
   */
  terminate(name: string, key: ManagedKey, days: number | undefined, call: Call): Promise<void>;
  /**
   * Takes a termination back: the key is usable again, under its name if that is free. Of a key that is not being deleted
   * only the name is brought back.
   *
   * @param to `stopped` leaves it disabled.
   */
  restore(name: string, key: ManagedKey, to: 'running' | 'stopped', call: Call): Promise<void>;
  close(): Promise<void>;
}
