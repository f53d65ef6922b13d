import type { Random } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Stored, WrappedKeyStore } from '../core/store.ts';
import { type KeyRing, memoryKeyRing } from './key-ring.ts';
import { type SavedValue, shownValue } from './saved-state.ts';
import { type Opener, openJson, sealJson } from './sealed-json.ts';
import { SecretKeyValue } from './secret-key-value.ts';
import { storedName } from './stored-name.ts';

const FOLDER = 'key-manager/rings';
/** Turns of a change that others get in the way of. */
const TURNS = 20;

/** A ring as it is stored: ids, and keys as text or as bytes. */
type Kept = Record<string, SavedValue>;

/**
 * A ring in a store, sealed under a KEK, that outlives its process and may be shared by several workers.
 *
 * Promises: `add` resolves when the key has been stored and read again; no worker loses the key of another, whatever
 * order they write in; keys that were seen once are not read again.
 */
export function storedKeyRing(
  deps: Opener & {
    readonly store: WrappedKeyStore;
    readonly random: Random;
    /** Whose ring it is: the name of a key. */
    readonly keyName: string;
  },
): KeyRing {
  const { store, call, keyName } = deps;
  const name = storedName(FOLDER, keyName);
  const context = { keystead: '1', use: 'key-manager-ring', name: keyName };
  const seen = memoryKeyRing();

  async function look(): Promise<{ readonly stored: Stored | undefined; readonly kept: Kept }> {
    const stored = await store.read(name, call());
    if (stored === undefined) return { stored, kept: {} };
    return { stored, kept: (await openJson(deps, stored.bytes, context)) as Kept };
  }

  async function write(stored: Stored | undefined, kept: Kept): Promise<boolean> {
    const bytes = await sealJson(deps, kept, context);
    if (stored === undefined) return store.create(name, bytes, call());
    try {
      await store.replace(name, bytes, stored.etag, call());
      return true;
    } catch (error) {
      if (error instanceof KeysteadError && error.reason === 'stale-etag') return false;
      throw error;
    }
  }

  /** Changes the ring until the change is seen in it. @param changed undefined: it is as it shall be. */
  async function change(changed: (kept: Kept) => Kept | undefined): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) {
      const { stored, kept } = await look();
      const next = changed(kept);
      if (next === undefined) return;
      await write(stored, next);
    }
    throw new KeysteadError(
      'concurrent-write',
      `the key ring of ${keyName} is changed by others all the time; try again`,
    );
  }

  return {
    async find(id) {
      const known = await seen.find(id);
      if (known !== undefined) return known;
      const { kept } = await look();
      const value = Object.hasOwn(kept, id) ? kept[id] : undefined;
      if (value === undefined) return undefined;
      const key = SecretKeyValue.of(typeof value === 'string' ? value : Uint8Array.from(Buffer.from(value.hex, 'hex')));
      await seen.add(id, key);
      return key;
    },
    async add(id, key) {
      const known = await seen.find(id);
      known?.dispose();
      if (known !== undefined) return;
      const shown = shownValue(key);
      await change((kept) => (Object.hasOwn(kept, id) ? undefined : { ...kept, [id]: shown }));
      await seen.add(id, key);
    },
    async remove(id) {
      await change(({ [id]: gone, ...rest }) => (gone === undefined ? undefined : rest));
      await seen.remove(id);
    },
    dispose: () => seen.dispose(),
  };
}
