import { KeysteadError, type Reason } from '../../../src/core/errors.ts';
import type { ChangeView } from '../../../src/key-manager/change-view.ts';
import type { DefineKey } from '../../../src/key-manager/key-definition.ts';
import { type FlowName, KeyManager } from '../../../src/key-manager/key-manager.ts';
import type { KeyPairInput } from '../../../src/key-manager/key-pair.ts';
import type { CryptoTool, StateRepository } from '../../../src/key-manager/saved-state.ts';
import type { SecretKeyValue } from '../../../src/key-manager/secret-key-value.ts';

type Json = Record<string, unknown>;

/** What the other implementation calls our reasons. */
const NAMES: Partial<Record<Reason, string>> = {
  'get-key': 'GetKeyError',
  'key-not-defined': 'KeyIsNotDefinedError',
  'key-defined': 'KeyAlreadyDefinedError',
  'bad-key-definition': 'SecretKeyDefinitionInitError',
  'bad-key-value': 'SecretKeyInitError',
  'bad-key-pair': 'SecretKeyPairInitError',
  'bad-flow': 'InvalidFlowNameError',
  'bad-key-state': 'InvalidKeyStateError',
  'key-state': 'FetchAndSetStateFromRepoError',
  'key-changed': 'KeyChangedError',
  'no-state-repository': 'StateRepoMissingError',
};

/** One scenario: a manager, its stores, its repository, and what has happened. */
export class KeysPlayer {
  #setup: Json = {};
  #manager = new KeyManager();
  readonly #stores = new Map<string, unknown>();
  readonly #storeCalls: Record<string, number> = {};
  readonly #records = new Map<string, unknown>();
  readonly #reads: string[] = [];
  readonly #writes: [string, unknown][] = [];
  readonly #log: Json[] = [];
  /** Of each key: the names of its callbacks. */
  readonly #callbacks = new Map<string, Set<string>>();
  #started = false;

  async answer(step: Json): Promise<Json> {
    try {
      return await this.#play(step);
    } catch (error) {
      return shownError(error);
    }
  }

  async #play(step: Json): Promise<Json> {
    const name = step['key'] as string;
    switch (step['op']) {
      case 'start':
        return this.#start(step['setup'] as Json);
      case 'restart':
        // What the stores give now stays: they are no part of the manager.
        return this.#begin();
      case 'get':
        return { value: shown(await this.#manager.getKey(name, flowOf(step))) };
      case 'single_get': {
        const single = this.#manager.getSingleManagement(name);
        const method = step['method'] as string | undefined;
        return {
          value: shown(
            await (method === undefined ? single.getKey(flowOf(step)) : single[camel(method) as 'getEncryptKey']()),
          ),
        };
      }
      case 'alias_get':
        return { value: shown(await this.#manager[camel(step['method'] as string) as 'getEncryptKey'](name)) };
      case 'last_flow':
        return { last_flow: this.#manager.getLastFlow(name) ?? null };
      case 'set_store':
        this.#stores.set(name, step['value']);
        return { ok: true };
      case 'register':
        this.#register(name, step);
        return { ok: true };
      case 'key_changed':
        await this.#manager.keyChanged(name, given(step['old']), given(step['new']));
        return { ok: true };
      case 'save_state':
        await this.#manager.saveState(name);
        return { ok: true };
      case 'save_states':
        await this.#manager.saveStates();
        return { ok: true };
      case 'define':
        return this.#define(definitionOf(step));
      case 'finish':
        return {
          store_calls: this.#storeCalls,
          repo_reads: this.#reads,
          repo_writes: this.#writes,
          callback_log: this.#log,
        };
      default:
        return { unsupported: step['op'] };
    }
  }

  #start(setup: Json): Json {
    this.#setup = setup;
    const { records = {} } = (setup['repo'] ?? {}) as { records?: Json };
    for (const [name, record] of Object.entries(records)) this.#records.set(name, record);
    return this.#begin();
  }

  #begin(): Json {
    const plain = this.#setup['no_repo'] === true;
    this.#manager = new KeyManager({
      ...(plain ? {} : { stateRepository: this.#repository(), cryptoTool: this.#cryptoTool() }),
    });
    this.#callbacks.clear();
    const keys = (this.#setup['keys'] ?? []) as Json[];
    const defined = keys.map((key) => {
      try {
        return this.#define(key, this.#started);
      } catch (error) {
        return shownError(error);
      }
    });
    this.#started = true;
    return { ok: true, defined };
  }

  /** @param again the store exists already, and goes on giving what it gives now. */
  #define(key: Json, again = false): Json {
    const { name, use_case, stateless, keep_in_cache, error_strategy, store_shape } = key;
    const counted = typeof name === 'string' ? name : '';
    this.#storeCalls[counted] ??= 0;
    const read = () => {
      this.#storeCalls[counted] = (this.#storeCalls[counted] ?? 0) + 1;
      const value = this.#stores.get(counted);
      if (value === '@throw') throw new PlayedError('RuntimeError');
      return given(value) as KeyPairInput;
    };
    const shapes: Record<string, unknown> = { takes_argument: (_argument: unknown) => read(), not_callable: 'value' };
    this.#manager.defineKey({
      name,
      store: shapes[store_shape as string] ?? read,
      useCase: use_case,
      ...(stateless === undefined || stateless === null ? {} : { stateless }),
      ...(keep_in_cache === undefined || keep_in_cache === null ? {} : { keepInCache: keep_in_cache }),
      ...(error_strategy === undefined || error_strategy === null ? {} : { onChangeErrorStrategy: error_strategy }),
      ...(key['replace'] === undefined ? {} : { replace: key['replace'] }),
    } as DefineKey);
    // A definition that was refused brings no store.
    if (!again || !this.#stores.has(counted)) this.#stores.set(counted, key['store']);
    this.#callbacks.set(counted, new Set());
    return { ok: true };
  }

  #repository(): StateRepository {
    const { missing, fail_write } = (this.#setup['repo'] ?? {}) as { missing?: string; fail_write?: boolean };
    return {
      readState: (name) => {
        this.#reads.push(name);
        if (this.#records.has(name)) return this.#records.get(name);
        if (missing === 'null') return null;
        if (missing === 'empty') return {};
        throw new PlayedError('KeyError');
      },
      writeState: (name, record) => {
        if (fail_write) throw new PlayedError('OSError');
        this.#writes.push([name, record]);
        this.#records.set(name, record);
      },
    };
  }

  #cryptoTool(): CryptoTool {
    const failing = this.#setup['crypto'] === 'fail_decrypt';
    return {
      encrypt: (record) => record,
      decrypt: (stored) => {
        if (failing) throw new PlayedError('ValueError');
        return stored;
      },
    };
  }

  #register(name: string, step: Json): void {
    const actions = [step['do'] ?? []].flat() as string[];
    const asked = (step['name'] ?? step['callback_name'] ?? step['callback'] ?? step['callback_id'] ?? undefined) as
      | string
      | undefined;
    const names = this.#callbacks.get(name) ?? new Set();
    let used = asked ?? `${name}_callback_${names.size + 1}`;
    for (let n = names.size + 2; asked === undefined && names.has(used); n++) used = `${name}_callback_${n}`;
    this.#manager.registerOnChange(
      name,
      async (oldKeys, newKeys, view) => {
        for (const action of actions) await this.#act(action, used, { oldKeys, newKeys, view });
      },
      asked,
    );
    names.add(used);
  }

  async #act(
    action: string,
    callback: string,
    { oldKeys, newKeys, view }: { oldKeys: unknown; newKeys: unknown; view: ChangeView },
  ): Promise<void> {
    const [verb, ...rest] = action.split(':');
    const argument = rest.join(':');
    switch (verb) {
      case 'record':
        this.#log.push({
          callback,
          old: raw(oldKeys),
          new: raw(newKeys),
          key: view.name,
          last_flow: view.getLastFlow() ?? null,
        });
        break;
      case 'throw':
        throw new PlayedError('RuntimeError', argument);
      case 'set_last_flow':
        view.setLastFlow(argument as FlowName);
        break;
      case 'clean_state':
        view.cleanState();
        break;
      case 'set_previous_keys':
        view.setPreviousKeys(given(jsonOr(argument)) as KeyPairInput);
        break;
      case 'save_state':
        await this.#manager.saveState(view.name);
        break;
      case 'get':
        this.#log.push({
          callback,
          got: shown(await this.#manager.getKey(view.name, argument === '' ? undefined : (argument as FlowName))),
        });
        break;
      case 'is_stated':
        this.#log.push({ callback, is_stated: view.isStated(), is_stateless: view.isStateless() });
        break;
      default:
        throw new PlayedError('unsupported', action);
    }
  }
}

/** The definition in a step: in a field of its own, or the step itself, whose `key` is the name then. */
function definitionOf(step: Json): Json {
  const { definition, key } = step;
  if (typeof definition === 'object' && definition !== null) return { name: key, ...definition };
  if (typeof key === 'object' && key !== null) return key as Json;
  return { name: key, ...step };
}

class PlayedError extends Error {
  constructor(name: string, message = '') {
    super(message);
    this.name = name;
  }
}

function flowOf(step: Json): FlowName | undefined {
  return (step['flow'] ?? undefined) as FlowName | undefined;
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A value of a scenario as a key: bytes are written `{"hex": …}`. */
function given(value: unknown): KeyPairInput | undefined {
  if (Array.isArray(value)) return value.map(given) as unknown as KeyPairInput;
  if (value === null || value === undefined) return value as undefined;
  if (typeof value === 'object' && 'hex' in value) return Uint8Array.from(Buffer.from(String(value.hex), 'hex'));
  return value as KeyPairInput;
}

function raw(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(raw);
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString('hex') };
  return value ?? null;
}

function shown(value: SecretKeyValue): unknown {
  return raw(value.expose());
}

function shownError(error: unknown): Json {
  const chain: string[] = [];
  for (let cause = (error as Error).cause; cause instanceof Error; cause = cause.cause) chain.push(nameOf(cause));
  return { error: nameOf(error as Error), message: (error as Error).message, caused_by: chain };
}

function nameOf(error: Error): string {
  return error instanceof KeysteadError ? (NAMES[error.reason] ?? error.reason) : error.name;
}
