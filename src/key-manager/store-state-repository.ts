import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Stored, WrappedKeyStore } from '../core/store.ts';
import type { StateRepository } from './saved-state.ts';
import { storedName } from './stored-name.ts';

const FOLDER = 'key-manager/states';

/**
 * The state repository of a key manager in a store of wrapped keys, which several workers may share.
 *
 * Promises: a state is written whole or not at all; it takes the place only of the one that this repository read or
 * wrote last, so that no worker loses the key of another: `concurrent-write` says that another one is there; a write
 * whose answer was lost is known again by the next; a key that was not used leaves what is there.
 */
export function storeStateRepository(deps: {
  readonly store: WrappedKeyStore;
  /** The call of each read and write, with its deadline. */
  readonly call: () => Call;
}): StateRepository {
  const { store, call } = deps;
  /** Of what was read or written last. */
  const etags = new Map<string, string>();
  /** What was written last, where it is not known yet whether it is there. */
  const unsure = new Map<string, Uint8Array>();

  async function look(name: string): Promise<Stored | undefined> {
    return store.read(storedName(FOLDER, name), call());
  }

  /** Nothing counts as saved that cannot be read again. */
  async function confirm(name: string, written: Uint8Array): Promise<boolean> {
    const found = await look(name);
    const there = found !== undefined && Buffer.compare(found.bytes, written) === 0;
    if (there) etags.set(name, found.etag);
    unsure.delete(name);
    return there;
  }

  /** Whether it was written; not, where another state is there than the one that was known. */
  async function write(name: string, bytes: Uint8Array): Promise<boolean> {
    const etag = etags.get(name);
    if (etag === undefined) return store.create(storedName(FOLDER, name), bytes, call());
    try {
      await store.replace(storedName(FOLDER, name), bytes, etag, call());
      return true;
    } catch (error) {
      if (error instanceof KeysteadError && error.reason === 'stale-etag') return false;
      throw error;
    }
  }

  return {
    async readState(name) {
      const found = await look(name);
      unsure.delete(name);
      if (found === undefined) etags.delete(name);
      else etags.set(name, found.etag);
      return found?.bytes;
    },
    async writeState(name, stored, { unused }) {
      if (!(stored instanceof Uint8Array)) {
        throw new KeysteadError(
          'bad-request',
          'a state repository in a store keeps bytes; give it a crypto tool that makes them',
        );
      }
      const before = unsure.get(name);
      if (before !== undefined) await confirm(name, before);
      if (unused && etags.has(name)) return;
      unsure.set(name, stored);
      const done = await write(name, stored);
      // Also where it is said not to be: something below may have tried again, after an answer that was lost.
      if (await confirm(name, stored)) return;
      if (done || !unused) throw anotherIsThere(name);
    },
  };
}

function anotherIsThere(name: string): KeysteadError {
  return new KeysteadError(
    'concurrent-write',
    `the state of the key ${name} was saved by somebody else meanwhile, and stays as they saved it; call forgetState, and get the key again, before you save`,
  );
}
