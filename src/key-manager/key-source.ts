import { SecretBytes } from '../core/secret-bytes.ts';
import { type KeyPair, type KeyPairInput, keyPair } from './key-pair.ts';
import { SecretKeyValue } from './secret-key-value.ts';

/** Stops watching; resolves when nothing will be told any more. */
export interface SourceWatch {
  close(): Promise<void>;
}

/** Where the present value of a key comes from. */
export interface KeySource {
  /** The value, or the pair, of now. A secret among them is given away: whoever reads disposes it. */
  read(): KeyPairInput | Promise<KeyPairInput>;
  /** True: what `read` gives stays the source's own. */
  readonly lends?: boolean;
  /**
   * Tells when the value may be another one; absent where nobody can tell. What is told of a failure to look is for the
   * log. `changed` resolves when the change has been told on, to false where the source could not be read then: one that
   * looks again and again tells it again.
   */
  watch?(told: { changed(): Promise<boolean>; failed(error: unknown): void }): SourceWatch;
}

/** A function without parameters that gives the value of now, which stays its own; or a source. */
export type KeyStore = (() => KeyPairInput | Promise<KeyPairInput>) | KeySource;

/** The pair of now. Throws `bad-key-pair`, and whatever the source throws. */
export async function readPair(source: KeySource): Promise<KeyPair> {
  return withGiven(source, keyPair);
}

/** The one value of now. Throws `bad-key-value`, and whatever the source throws. */
export async function readValue(source: KeySource): Promise<SecretKeyValue> {
  return withGiven(source, SecretKeyValue.of);
}

async function withGiven<T>(source: KeySource, copy: (given: unknown) => T): Promise<T> {
  const given: unknown = await source.read();
  try {
    return copy(given);
  } finally {
    if (source.lends !== true) for (const one of Array.isArray(given) ? given : [given]) disposeSecret(one);
  }
}

function disposeSecret(value: unknown): void {
  if (value instanceof SecretBytes || value instanceof SecretKeyValue) value.dispose();
}
