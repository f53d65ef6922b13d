import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { WrappedKeyStore } from '../core/store.ts';
import type { StateRepository } from './saved-state.ts';
import { storedName } from './stored-name.ts';

const FOLDER = 'key-manager/states';

/**
 * The state repository of a key manager in a store of wrapped keys, which several workers may share.
 *
 * Promises: a state is written whole or not at all; it takes the place only of the one that this repository read or
 * wrote last, so that no worker loses the key of another: `concurrent-write` says that another one was there, and
 * nothing was written; a key that was not used leaves what is there.
 */
export function storeStateRepository(deps: {
  readonly store: WrappedKeyStore;
  /** The call of each read and write, with its deadline. */
  readonly call: () => Call;
}): StateRepository {
  const { store, call } = deps;
  const etags = new Map<string, string | undefined>();

  async function look(name: string): Promise<Uint8Array | undefined> {
    const found = await store.read(storedName(FOLDER, name), call());
    etags.set(name, found?.etag);
    return found?.bytes;
  }

  return {
    readState: look,
    async writeState(name, stored, { unused }) {
      if (!(stored instanceof Uint8Array)) {
        throw new KeysteadError(
          'bad-request',
          'a state repository in a store keeps bytes; give it a crypto tool that makes them',
        );
      }
      const etag = etags.get(name);
      if (etag === undefined) {
        if (await store.create(storedName(FOLDER, name), stored, call())) await lookAfterWrite(name, stored);
        else if (!unused) throw anotherWasThere(name);
        return;
      }
      if (unused) return;
      try {
        await store.replace(storedName(FOLDER, name), stored, etag, call());
      } catch (error) {
        if (error instanceof KeysteadError && error.reason === 'stale-etag') throw anotherWasThere(name, error);
        throw error;
      }
      await lookAfterWrite(name, stored);
    },
  };

  /** Nothing counts as saved that cannot be read again. */
  async function lookAfterWrite(name: string, written: Uint8Array): Promise<void> {
    const found = await look(name);
    if (found === undefined || Buffer.compare(found, written) !== 0) throw anotherWasThere(name);
  }
}

function anotherWasThere(name: string, cause?: unknown): KeysteadError {
  return new KeysteadError(
    'concurrent-write',
    `the state of the key ${name} was saved by somebody else meanwhile, and stays as they saved it; call forgetState, and get the key again, before you save`,
    cause === undefined ? {} : { cause },
  );
}
