import type { Call } from '../core/call.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';

/**
 * Turns the value of a secret into the text that stands in the file, and back.
 *
 * Promises: what was sealed under one name opens under that name alone, else `context-mismatch`.
 */
export interface Sealer {
  /** What a command calls at once; one where nothing is asked of a KMS. */
  readonly width: number;
  seal(name: string, value: SecretBytes, call: Call): Promise<string>;
  open(name: string, text: string, call: Call): Promise<SecretBytes>;
}
