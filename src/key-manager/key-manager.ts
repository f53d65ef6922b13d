import { KeysteadError } from '../core/errors.ts';
import { ChangeCallbacks } from './change-callbacks.ts';
import { ChangeView } from './change-view.ts';
import { type KeyFlow, keyFlow } from './flow.ts';
import { Gate, type Lock } from './gate.ts';
import { GetKeyError } from './get-key-error.ts';
import { type CallbackReport, type ChangeCallback, KeyChangedError, runCallbacks } from './key-change.ts';
import { type DefineKey, type KeyDefinition, keyDefinition } from './key-definition.ts';
import type { KeyPairInput } from './key-pair.ts';
import { type KeySource, readPair, readValue } from './key-source.ts';
import { KeyState } from './key-state.ts';
import { type CryptoTool, type StateRepository, stateRecord } from './saved-state.ts';
import type { SecretKeyValue } from './secret-key-value.ts';
import { SingleKeyManager } from './single-key-manager.ts';
import { StateKeeper, stateUnreadable } from './state-keeper.ts';

/** Any name of a flow. */
export type FlowName = KeyFlow | 'ENCRYPTION' | 'DECRYPTION' | 'AUTHENTICATION';

/** A key that is defined, with what is known of it. */
export interface DefinedKey {
  readonly definition: KeyDefinition;
  readonly state: KeyState;
  readonly callbacks: ChangeCallbacks;
}

/** Where definitions are kept, in their order: a `Map` is one. */
export interface DefinitionRegistry {
  get(name: string): DefinedKey | undefined;
  set(name: string, key: DefinedKey): unknown;
  values(): Iterable<DefinedKey>;
}

/** What a key manager works with; without options it keeps everything in memory. */
export interface KeyManagerOptions {
  /** Where states are saved; needed by keys that are not stateless, and by `saveState`. */
  readonly stateRepository?: StateRepository;
  /** What keeps saved states secret; nothing is saved without one. */
  readonly cryptoTool?: CryptoTool;
  readonly definitions?: DefinitionRegistry;
  /** The lock of a key, for applications that use the same keys in several processes at once. */
  readonly lockOf?: (keyName: string) => Lock;
  /** Hears of failures that nobody else hears of: names and our own texts, never a key or the text of others' errors. */
  readonly log?: { error(fields: object, message: string): void };
}

/**
 * Hands out an application's keys by name, remembers which one belongs to what was sealed last, and tells interested
 * code when a key changes.
 *
 * Promises: a forward gives the newest key of the source; a back gives the key of the last forward, also when the source
 * has moved on or fails meanwhile (for ever with `keepInCache`, else once); uses of one key come one after the other;
 * everybody gets a value of their own to dispose.
 */
export class KeyManager {
  readonly #keys: DefinitionRegistry;
  readonly #states: StateKeeper;
  readonly #gate: Gate;
  readonly #log: KeyManagerOptions['log'];
  #disposed = false;

  constructor(options: KeyManagerOptions = {}) {
    this.#keys = options.definitions ?? new Map<string, DefinedKey>();
    this.#states = new StateKeeper(options.stateRepository, options.cryptoTool);
    this.#gate = new Gate(options.lockOf);
    this.#log = options.log;
  }

  /** Throws `bad-key-definition`, or `key-defined` where the name is taken and `replace` is not said. */
  defineKey(given: DefineKey): this {
    const definition = keyDefinition(given);
    const { name } = definition;
    const former = this.#keys.get(name);
    if (former !== undefined && given.replace !== true) {
      throw new KeysteadError('key-defined', `the key ${name} is defined already; say replace to define it anew`);
    }
    former?.state.replace(undefined);
    this.#keys.set(name, { definition, state: new KeyState(), callbacks: new ChangeCallbacks(name) });
    return this;
  }

  /**
   * The key, for a flow. Without one it follows from the last flow: after a forward comes a back, else a forward; the
   * last flow of a key that is not stateless is in its saved state at first. Dispose it when done.
   *
   * Throws `GetKeyError`, whose cause says why; the flow does not count then.
   */
  getKey(name: string, flow?: FlowName): Promise<SecretKeyValue> {
    const kept = flow === 'BACK_PATH' && !this.#gate.isBusy(name) ? this.#keptBack(this.#keys.get(name)) : undefined;
    if (kept !== undefined) return Promise.resolve(kept);
    return this.#use(name, () => this.#get(this.#defined(name), flow === undefined ? undefined : keyFlow(flow)));
  }

  /** The key that seals: the newest one. */
  getForwardPathKey(name: string): Promise<SecretKeyValue> {
    return this.getKey(name, 'FORWARD_PATH');
  }

  getEncryptKey(name: string): Promise<SecretKeyValue> {
    return this.getForwardPathKey(name);
  }

  /** The key that opens what was sealed last. */
  getBackPathKey(name: string): Promise<SecretKeyValue> {
    return this.getKey(name, 'BACK_PATH');
  }

  getDecryptKey(name: string): Promise<SecretKeyValue> {
    return this.getBackPathKey(name);
  }

  /** The forward value that the source has now. Changes nothing: it counts as no use. Throws `GetKeyError`. */
  getPresentKey(name: string): Promise<SecretKeyValue> {
    return this.#use(name, async () => {
      const { forward, back } = await readPair(this.#defined(name).definition.source);
      if (back !== forward) back.dispose();
      return forward;
    });
  }

  /** Where the values of a key come from. Throws `key-not-defined`. */
  sourceOf(name: string): KeySource {
    return this.#defined(name).definition.source;
  }

  /** Undefined: not used yet. Throws `key-not-defined`. */
  getLastFlow(name: string): KeyFlow | undefined {
    return this.#defined(name).state.lastFlow;
  }

  /** Throws `key-not-defined` or `bad-flow`. */
  setLastFlow(name: string, flow: FlowName | undefined): void {
    this.#defined(name).state.lastFlow = flow === undefined ? undefined : keyFlow(flow);
  }

  /**
   * Tells the callbacks of a key that it changes. Neither the kept pair nor the last flow changes by that: whoever seals
   * again says so through the view.
   *
   * Gives what became of each callback. Throws `KeyChangedError` where the key's strategy says so, or the key is not
   * defined.
   */
  keyChanged(name: string, oldKeys?: KeyPairInput, newKeys?: KeyPairInput): Promise<readonly CallbackReport[]> {
    return this.#gate.change(name, async () => {
      const { definition, state, callbacks } = this.#definedFor(name);
      const change = { oldKeys, newKeys, key: new ChangeView(definition, state) };
      return runCallbacks(callbacks.snapshot(), change, definition.onChangeErrorStrategy, (callback, why) =>
        this.#log?.error({ key: name, callback, why }, 'a callback of the change of a key failed'),
      );
    });
  }

  /** Gives what takes the callback away again. Throws `key-not-defined` and `bad-request`. */
  registerOnChange(name: string, callback: ChangeCallback, callbackName?: string): () => void {
    return this.#defined(name).callbacks.add(callback, callbackName);
  }

  /**
   * Saves the last flow of a key, and after a forward the key that opens. Changes nothing in memory.
   *
   * Throws `key-not-defined`, `no-state-repository`, `GetKeyError` where the key is in its source alone and that fails,
   * and whatever repository and crypto tool throw.
   */
  saveState(name: string): Promise<void> {
    return this.#gate.use(name, async () => {
      const key = this.#defined(name);
      const flow = key.state.lastFlow;
      const value = flow === 'FORWARD_PATH' ? await this.#openingKey(key) : undefined;
      try {
        await this.#states.write(name, stateRecord(flow, value));
      } finally {
        value?.dispose();
      }
    });
  }

  /**
   * Saves the keys that are not stateless, in the order of their definitions. One that cannot be saved does not keep the
   * others from it: the first failure is thrown when all have been tried; `no-state-repository` at once.
   */
  async saveStates(): Promise<void> {
    const failures: unknown[] = [];
    for (const { definition } of [...this.#keys.values()]) {
      if (definition.stateless) continue;
      try {
        await this.saveState(definition.name);
      } catch (error) {
        if (error instanceof KeysteadError && error.reason === 'no-state-repository') throw error;
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Forgets what is known of a key in memory: its next use begins with the saved state. Throws `key-not-defined`. */
  forgetState(name: string): void {
    const { state } = this.#defined(name);
    state.replace(undefined);
    state.lastFlow = undefined;
  }

  /** The same calls, bound to one name. */
  getSingleManagement(name: string): SingleKeyManager {
    return new SingleKeyManager(this, name);
  }

  /** Wipes all keys that are kept, and keeps none from now on. Call `saveStates` before, where keys are not stateless. */
  dispose(): void {
    this.#disposed = true;
    for (const { state } of this.#keys.values()) state.replace(undefined);
  }

  /** The answer of a back that needs neither source nor repository. */
  #keptBack(key: DefinedKey | undefined): SecretKeyValue | undefined {
    if (key?.definition.useCase !== 'ROUND_TRIP') return undefined;
    const { definition, state } = key;
    const value = state.kept?.back.clone();
    if (value !== undefined) state.used('BACK_PATH', definition.keepInCache);
    return value;
  }

  /** Whatever goes wrong comes out as a `GetKeyError`. */
  async #use<T>(name: string, run: () => Promise<T>): Promise<T> {
    try {
      return await this.#gate.use(name, run);
    } catch (error) {
      throw new GetKeyError(name, error);
    }
  }

  async #get(key: DefinedKey, named: KeyFlow | undefined): Promise<SecretKeyValue> {
    const { definition, state } = key;
    const flow = named ?? (await this.#nextFlow(key));
    const value =
      definition.useCase === 'ONE_WAY_TRIP'
        ? await readValue(definition.source)
        : await (flow === 'FORWARD_PATH' ? this.#forward(key) : this.#back(key));
    state.used(flow, definition.keepInCache);
    if (this.#disposed) state.replace(undefined);
    return value;
  }

  async #nextFlow({ definition, state }: DefinedKey): Promise<KeyFlow> {
    if (definition.useCase === 'ONE_WAY_TRIP') return 'DEFAULT';
    if (state.lastFlow === undefined && !definition.stateless) await this.#restore(definition.name, state);
    return state.lastFlow === 'FORWARD_PATH' ? 'BACK_PATH' : 'FORWARD_PATH';
  }

  async #forward({ definition, state }: DefinedKey): Promise<SecretKeyValue> {
    const pair = await readPair(definition.source);
    state.take(pair);
    return pair.forward.clone();
  }

  async #back({ definition, state }: DefinedKey): Promise<SecretKeyValue> {
    const unknown = state.lastFlow === undefined && !definition.stateless;
    if (!state.hasKeys && unknown) await this.#restore(definition.name, state);
    const { kept } = state;
    if (kept !== undefined) return kept.back.clone();
    const pair = await readPair(definition.source);
    state.take(pair);
    return pair.back.clone();
  }

  /** What the next back would give, without being one. */
  async #openingKey({ definition: { name, useCase, source }, state }: DefinedKey): Promise<SecretKeyValue> {
    if (useCase === 'ROUND_TRIP' && state.kept !== undefined) return state.kept.back.clone();
    try {
      if (useCase === 'ONE_WAY_TRIP') return await readValue(source);
      const { forward, back } = await readPair(source);
      if (forward !== back) forward.dispose();
      return back;
    } catch (error) {
      throw new GetKeyError(name, error);
    }
  }

  async #restore(name: string, state: KeyState): Promise<void> {
    const saved = await this.#states.read(name);
    try {
      state.restore(saved);
    } catch (cause) {
      throw stateUnreadable(name, cause);
    }
  }

  #defined(name: string): DefinedKey {
    const key = this.#keys.get(name);
    if (key === undefined) throw new KeysteadError('key-not-defined', `the key ${String(name)} is not defined`);
    return key;
  }

  #definedFor(name: string): DefinedKey {
    try {
      return this.#defined(name);
    } catch (cause) {
      throw new KeyChangedError(name, [], cause);
    }
  }
}
