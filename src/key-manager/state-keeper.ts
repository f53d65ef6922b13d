import { KeysteadError } from '../core/errors.ts';
import { type CryptoTool, type SavedState, type StateRecord, type StateRepository, savedState } from './saved-state.ts';

/** Reads and writes the states of keys, never in the clear. */
export class StateKeeper {
  readonly #repository: StateRepository | undefined;
  readonly #cryptoTool: CryptoTool | undefined;

  constructor(repository: StateRepository | undefined, cryptoTool: CryptoTool | undefined) {
    this.#repository = repository;
    this.#cryptoTool = cryptoTool;
  }

  /** Throws `bad-key-state` for a flow that is not known, and `key-state` for everything else. */
  async read(name: string): Promise<SavedState> {
    try {
      const { repository, cryptoTool } = this.#both(name);
      const stored = await repository.readState(name);
      if (isNothing(stored)) return savedState(undefined);
      return savedState(await cryptoTool.decrypt(stored, name));
    } catch (cause) {
      if (cause instanceof KeysteadError && cause.reason === 'bad-key-state') throw cause;
      throw stateUnreadable(name, cause);
    }
  }

  /** Throws `no-state-repository`, and whatever repository and crypto tool throw. */
  async write(name: string, record: StateRecord): Promise<void> {
    const { repository, cryptoTool } = this.#both(name);
    await repository.writeState(name, await cryptoTool.encrypt(record, name), { unused: record.state === null });
  }

  #both(name: string): { repository: StateRepository; cryptoTool: CryptoTool } {
    const repository = this.#repository;
    const cryptoTool = this.#cryptoTool;
    if (repository !== undefined && cryptoTool !== undefined) return { repository, cryptoTool };
    const missing = repository === undefined ? 'a state repository' : 'a crypto tool';
    throw new KeysteadError(
      'no-state-repository',
      `the state of ${name} cannot be kept: the key manager has not ${missing}`,
    );
  }
}

export function stateUnreadable(name: string, cause: unknown): KeysteadError {
  const why = cause instanceof KeysteadError ? cause.message : 'the cause has the details';
  return new KeysteadError('key-state', `the saved state of the key ${name} could not be read: ${why}`, { cause });
}

function isNothing(stored: unknown): boolean {
  if (stored === null || stored === undefined) return true;
  return typeof stored === 'object' && !(stored instanceof Uint8Array) && Object.keys(stored).length === 0;
}
