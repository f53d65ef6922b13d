import type { Call } from './call.ts';
import type { SecretBytes } from './secret-bytes.ts';

/** Types of the parameter store of AWS, whose words the contract takes. A `StringList` has commas between its items. */
export type ParameterType = 'String' | 'StringList' | 'SecureString';

/** What a store may keep of a parameter besides its value. */
export const PARAMETER_ASPECTS = ['type', 'description', 'key', 'tags', 'tier', 'policies', 'labels'] as const;
export type ParameterAspect = (typeof PARAMETER_ASPECTS)[number];

/** A parameter as it is in a store; what the store does not keep, or was not asked for, is absent. */
export interface StoredParameter {
  /** UTF-8. Whoever asked for it disposes it. */
  readonly value: SecretBytes;
  readonly type?: ParameterType;
  readonly description?: string;
  /** The KMS key that the store encrypts it with, as the store names it. */
  readonly key?: string;
  readonly tags?: ReadonlyMap<string, string>;
  readonly tier?: string;
  /** JSON text. */
  readonly policies?: string;
  /** Of the newest version. */
  readonly labels?: readonly string[];
  readonly version?: number;
}

/** One thing to do in a store. */
export type StoreChange =
  | {
      readonly kind: 'put';
      readonly place: string;
      readonly parameter: StoredParameter;
    }
  | {
      /** Tags, and labels of the newest version: makes no new version. */
      readonly kind: 'tag';
      readonly place: string;
      readonly set: ReadonlyMap<string, string>;
      readonly remove: readonly string[];
      /** Added to those that it has. */
      readonly labels?: readonly string[];
    }
  | { readonly kind: 'delete'; readonly place: string };

/**
 * A place for named settings and secrets, which other programs read there.
 *
 * Promises: what was put is what is read, to the byte; a put replaces the whole parameter but for its tags, to which those
 * given are added; a delete of what is not there is no error; `list` holds every place under the path that existed
 * during the whole walk. Of several changes given at once all are done or none.
 * Does not promise: that two writers see each other.
 */
export interface ParameterStore {
  /** Credentials removed. */
  readonly uri: string;
  readonly keeps: ReadonlySet<ParameterAspect>;
  /** Calls that the store takes at once. */
  readonly width: number;
  /** Places that one `read` takes. */
  readonly batch: number;
  /** Changes that one `apply` takes. */
  readonly changes: number;
  /** Where a parameter of this name lies: pure. Throws `bad-request` for a name that the store cannot have. */
  place(path: string, name: string): string;
  list(path: string, call: Call): Promise<readonly string[]>;
  /** What is there of at most `batch` places, with so much of it as was asked for. */
  read(
    places: readonly string[],
    aspects: ReadonlySet<ParameterAspect>,
    call: Call,
  ): Promise<ReadonlyMap<string, StoredParameter>>;
  /** Does at most `changes` changes; answers the new version of each put where the store counts them. */
  apply(changes: readonly StoreChange[], call: Call): Promise<readonly (number | undefined)[]>;
  close(): Promise<void>;
}
