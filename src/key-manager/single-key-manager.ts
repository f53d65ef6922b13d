import type { KeyFlow } from './flow.ts';
import type { CallbackReport, ChangeCallback } from './key-change.ts';
import type { FlowName, KeyManager } from './key-manager.ts';
import type { KeyPairInput } from './key-pair.ts';
import type { SecretKeyValue } from './secret-key-value.ts';

/** The calls of a key manager, bound to one key: for code that is to know no other. */
export class SingleKeyManager {
  readonly #manager: KeyManager;
  readonly name: string;

  constructor(manager: KeyManager, name: string) {
    this.#manager = manager;
    this.name = name;
  }

  getKey(flow?: FlowName): Promise<SecretKeyValue> {
    return this.#manager.getKey(this.name, flow);
  }

  getForwardPathKey(): Promise<SecretKeyValue> {
    return this.#manager.getForwardPathKey(this.name);
  }

  getEncryptKey(): Promise<SecretKeyValue> {
    return this.#manager.getEncryptKey(this.name);
  }

  getBackPathKey(): Promise<SecretKeyValue> {
    return this.#manager.getBackPathKey(this.name);
  }

  getDecryptKey(): Promise<SecretKeyValue> {
    return this.#manager.getDecryptKey(this.name);
  }

  getLastFlow(): KeyFlow | undefined {
    return this.#manager.getLastFlow(this.name);
  }

  setLastFlow(flow: FlowName | undefined): void {
    this.#manager.setLastFlow(this.name, flow);
  }

  keyChanged(oldKeys?: KeyPairInput, newKeys?: KeyPairInput): Promise<readonly CallbackReport[]> {
    return this.#manager.keyChanged(this.name, oldKeys, newKeys);
  }

  registerOnChange(callback: ChangeCallback, callbackName?: string): () => void {
    return this.#manager.registerOnChange(this.name, callback, callbackName);
  }

  saveState(): Promise<void> {
    return this.#manager.saveState(this.name);
  }
}
