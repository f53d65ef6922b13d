import { KeysteadError } from '../core/errors.ts';
import { type KeyInput, SecretKeyValue } from './secret-key-value.ts';

/** A value, for both directions; or two: forward, back. */
export type KeyPairInput = KeyInput | readonly [forward: KeyInput, back: KeyInput];

/** What seals and what opens: two values, or twice the same. */
export interface KeyPair {
  readonly forward: SecretKeyValue;
  /** The same object as `forward` where one value is both. */
  readonly back: SecretKeyValue;
}

/**
 * Copies. A list has to have two values.
 *
 * Throws `bad-key-pair` for what is neither a value nor a list of two, with the `bad-key-value` of one of two as cause.
 */
export function keyPair(given: unknown): KeyPair {
  if (!Array.isArray(given)) {
    const value = orBadPair(() => SecretKeyValue.of(given));
    return { forward: value, back: value };
  }
  if (given.length !== 2) {
    throw new KeysteadError('bad-key-pair', `a pair of keys has two values, and a list of ${given.length} was given`);
  }
  const forward = orBadPair(() => SecretKeyValue.of(given[0]));
  try {
    return { forward, back: orBadPair(() => SecretKeyValue.of(given[1])) };
  } catch (error) {
    forward.dispose();
    throw error;
  }
}

export function disposePair(pair: KeyPair | undefined): void {
  pair?.forward.dispose();
  pair?.back.dispose();
}

/** A pair of its own, to be disposed on its own. */
export function clonePair(pair: KeyPair): KeyPair {
  const forward = pair.forward.clone();
  return { forward, back: pair.back === pair.forward ? forward : pair.back.clone() };
}

function orBadPair(make: () => SecretKeyValue): SecretKeyValue {
  try {
    return make();
  } catch (cause) {
    const text = 'keys must be a value (text or bytes) or a list of two values: forward, back';
    throw new KeysteadError('bad-key-pair', text, { cause });
  }
}
