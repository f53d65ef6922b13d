import type { Call } from './call.ts';
import type { Context } from './context.ts';
import type { KeysteadError } from './errors.ts';
import type { SecretBytes } from './secret-bytes.ts';

/** A key under a KEK, as it may be stored anywhere. */
export interface WrappedKey {
  /** The URI of the KEK: which one it is, not who reaches it or how (`kekUri`). */
  readonly kek: string;
  /** The KEK's own name for the version that wrapped. */
  readonly version: string;
  /** How it was wrapped; each KEK knows its own words (docs/formats/wrapped-record.md). */
  readonly algorithm: string;
  readonly bytes: Uint8Array;
}

/**
 * A key-encryption key inside a KMS. It never leaves; only wrapped keys cross this line.
 *
 * Promises: `unwrap` gives exactly what was wrapped, and only under an equal context, else `context-mismatch`;
 * the context is authenticated, not stored. An empty context binds nothing, as tools wrap that know none: what was wrapped
 * so by the cloud's own call is unwrapped, too.
 */
export interface Kek {
  /** As the keys that it wraps name it. */
  readonly uri: string;
  wrap(key: SecretBytes, context: Context, call: Call): Promise<WrappedKey>;
  unwrap(wrapped: WrappedKey, context: Context, call: Call): Promise<SecretBytes>;
  /** For readiness: throws what `wrap` would throw. */
  check(call: Call): Promise<void>;
  close(): Promise<void>;
}

/**
 * A KEK that data keys are derived from: the same id and length give the same bytes for ever, and nothing is kept.
 * Optional beside `Kek`; throws `sealed` until the KEK is there.
 */
export interface DerivingKek {
  readonly version: number;
  /** HKDF-SHA256 with info `"key-" + id`, as Constellation derives. Throws `bad-id` or `bad-length`. */
  derive(id: string, length: number): SecretBytes;
}

/** What a cluster KEK is made of. Whoever holds one disposes both. */
export interface MasterSecret {
  readonly masterSecret: SecretBytes;
  readonly salt: SecretBytes;
}

/** What is said of a KEK in public: nothing of it can be turned back into the KEK. */
export interface KekInfo {
  readonly version: number;
  /** 32 lower-case hex digits. */
  readonly fingerprint: string;
}

/** The keeping of a KEK that people bring: sealed until they do. Optional beside `Kek`. */
export interface Custody {
  /** Undefined while the service is sealed. */
  info(): KekInfo | undefined;
  /**
   * Gives the KEK. The same secret again changes nothing and gives the same answer; another one is refused with
   * `kek-exists`. Copies what it needs: the caller disposes both arguments.
   */
  bootstrap(masterSecret: SecretBytes, salt: SecretBytes, call: Call): Promise<KekInfo>;
}

/** A custody that can be asked before it is given anything, and told to hand out nothing. */
export interface HeldCustody extends Custody {
  /** Gives and throws what `bootstrap` would, and changes nothing. */
  preview(masterSecret: SecretBytes, salt: SecretBytes, call: Call): Promise<KekInfo>;
  /** As long as there is a reason, whatever needs the KEK fails with it; the KEK stays where it is. */
  suspend(reason: KeysteadError | undefined): void;
}
