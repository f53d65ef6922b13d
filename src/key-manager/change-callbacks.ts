import { KeysteadError } from '../core/errors.ts';
import type { ChangeCallback } from './key-change.ts';

/** The callbacks of one key, in the order of their registration. */
export class ChangeCallbacks {
  readonly #keyName: string;
  readonly #callbacks = new Map<string, ChangeCallback>();

  constructor(keyName: string) {
    this.#keyName = keyName;
  }

  /**
   * A name that is used again replaces that callback in its place; one that is made up never does. Gives what removes it.
   *
   * Throws `bad-request` for what cannot be called, and for a name that is not text.
   */
  add(callback: ChangeCallback, name?: string): () => void {
    if (typeof callback !== 'function') throw new KeysteadError('bad-request', 'a callback must be a function');
    if (name !== undefined && typeof name !== 'string') {
      throw new KeysteadError('bad-request', 'the name of a callback must be text');
    }
    const used = name ?? this.#madeUpName();
    this.#callbacks.set(used, callback);
    return () => {
      if (this.#callbacks.get(used) === callback) this.#callbacks.delete(used);
    };
  }

  /** Of now: what is registered later does not come in between. */
  snapshot(): ReadonlyMap<string, ChangeCallback> {
    return new Map(this.#callbacks);
  }

  #madeUpName(): string {
    let number = this.#callbacks.size + 1;
    while (this.#callbacks.has(`${this.#keyName}_callback_${number}`)) number += 1;
    return `${this.#keyName}_callback_${number}`;
  }
}
