import type { KeyFlow, KeyUseCase } from './flow.ts';
import { keyFlow } from './flow.ts';
import type { KeyDefinition } from './key-definition.ts';
import type { KeyPairInput } from './key-pair.ts';
import { clonePair, type KeyPair, keyPair } from './key-pair.ts';
import type { KeyStore } from './key-source.ts';
import type { KeyState } from './key-state.ts';

/**
 * A key as the callbacks of its change see it: what it is, and what its next get will give.
 *
 * A callback that only opened what was sealed sets the last flow back, so that the next get without a flow is a forward.
 * One that sealed again under the new pair calls `adopt`, else the next back would give the old pair.
 */
export class ChangeView {
  readonly #definition: KeyDefinition;
  readonly #state: KeyState;

  constructor(definition: KeyDefinition, state: KeyState) {
    this.#definition = definition;
    this.#state = state;
  }

  get name(): string {
    return this.#definition.name;
  }

  get keysStore(): KeyStore {
    return this.#definition.store;
  }

  get useCase(): KeyUseCase {
    return this.#definition.useCase;
  }

  isStateless(): boolean {
    return this.#definition.stateless;
  }

  isStated(): boolean {
    return !this.#definition.stateless;
  }

  isKeepInCache(): boolean {
    return this.#definition.keepInCache;
  }

  getLastFlow(): KeyFlow | undefined {
    return this.#state.lastFlow;
  }

  /** Any name of a flow; undefined: as if the key had not been used. Throws `bad-flow`. */
  setLastFlow(flow: KeyFlow | 'ENCRYPTION' | 'DECRYPTION' | 'AUTHENTICATION' | undefined): void {
    this.#state.lastFlow = flow === undefined ? undefined : keyFlow(flow);
  }

  /** The pair that the next back gives without a look at the store, if there is one. A copy: the caller disposes it. */
  getPreviousKeys(): KeyPair | undefined {
    const { kept } = this.#state;
    return kept && clonePair(kept);
  }

  /** From now on a back gives this pair. Throws `bad-key-pair`, and changes nothing then. */
  setPreviousKeys(keys: KeyPairInput): void {
    this.#state.replace(keyPair(keys));
  }

  /** Forgets the pairs; the flow stays. The next back reads the store. */
  cleanState(): void {
    this.#state.replace(undefined);
  }

  /** What was sealed is under the new pair now: a back gives it, and the last flow is forward. Throws `bad-key-pair`. */
  adopt(newKeys: KeyPairInput): void {
    this.#state.replace(keyPair(newKeys));
    this.#state.lastFlow = 'FORWARD_PATH';
  }
}
