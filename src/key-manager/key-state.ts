import type { KeyFlow } from './flow.ts';
import { disposePair, type KeyPair, keyPair } from './key-pair.ts';
import type { SavedState } from './saved-state.ts';
import type { SecretKeyValue } from './secret-key-value.ts';

/**
 * What is known of one key: its last flow, and the pairs that a back needs.
 *
 * `current` lives from the read of a store, or of a saved state, to the end of that get; `previous` is what it becomes,
 * the pair of the last forward. Every method is one step: nobody sees half of it. Pairs that fall out are wiped.
 */
export class KeyState {
  lastFlow: KeyFlow | undefined;
  #current: KeyPair | undefined;
  #previous: KeyPair | undefined;

  get hasKeys(): boolean {
    return this.#current !== undefined || this.#previous !== undefined;
  }

  /** What a back is answered from. */
  get kept(): KeyPair | undefined {
    return this.#previous ?? this.#current;
  }

  /** Takes what the store gave, which is its own from now on. */
  take(pair: KeyPair): void {
    const gone = this.#previous;
    this.#previous = this.#current;
    this.#current = pair;
    disposePair(gone);
  }

  /** Takes a saved state. Throws `bad-key-pair`: the flow counts then, so that what cannot be read is not read for ever. */
  restore({ flow, keys }: SavedState): void {
    this.lastFlow = flow;
    if (keys === undefined) return;
    const pair = keyPair(keys);
    disposePair(this.#current);
    this.#current = pair;
  }

  forwardValue(): SecretKeyValue | undefined {
    return this.#current?.forward;
  }

  /** A get has been answered. @param keep whether the pair stays for the next back. */
  used(flow: KeyFlow, keep: boolean): void {
    if (this.#current !== undefined) {
      disposePair(this.#previous);
      this.#previous = this.#current;
      this.#current = undefined;
    }
    this.lastFlow = flow;
    if (flow === 'DEFAULT' || (flow === 'BACK_PATH' && !keep)) {
      disposePair(this.#previous);
      this.#previous = undefined;
    }
  }

  /** From now on a back gives this pair, or, without one, reads the store. */
  replace(pair: KeyPair | undefined): void {
    disposePair(this.#current);
    disposePair(this.#previous);
    this.#current = undefined;
    this.#previous = pair;
  }
}
