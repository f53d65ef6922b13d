import type { Call } from './call.ts';
import type { Context } from './context.ts';
import type { SecretBytes } from './secret-bytes.ts';

/**
 * A key in a KMS that encrypts small texts by itself, one call each, as psyml has it: what it gives names its own key, so
 * that texts under several keys open alike. New formats wrap a data key instead (`Kek`).
 *
 * Promises: `decrypt` gives exactly what was encrypted, and only under an equal context, else `context-mismatch`.
 */
export interface LocalKey {
  /** Alias and place, for people. */
  readonly name: string;
  /** The key's own name, an ARN, that the alias stands for now: one call, however often it is asked for. */
  identify(call: Call): Promise<string>;
  /** @param key as `identify` gives it, also one that the alias stood for earlier. */
  encrypt(key: string, text: SecretBytes, context: Context, call: Call): Promise<Uint8Array>;
  decrypt(ciphertext: Uint8Array, context: Context, call: Call): Promise<SecretBytes>;
  close(): Promise<void>;
}
