import type { SecretKeyValue } from './secret-key-value.ts';

/** The keys that something may still be sealed under, by their ids. */
export interface KeyRing {
  /** A copy, which the caller disposes; undefined when the ring does not have it. */
  find(id: string): Promise<SecretKeyValue | undefined>;
  /** Resolves when the key will be found again. Copies; a key that is there already stays. */
  add(id: string, key: SecretKeyValue): Promise<void>;
  /** Takes a key out, when nothing is sealed under it any more. */
  remove(id: string): Promise<void>;
  /** Wipes what is in memory. */
  dispose(): void;
}

/** A ring that lives as long as its process: what was sealed in an earlier life is opened by the key of the source alone. */
export function memoryKeyRing(): KeyRing {
  const keys = new Map<string, SecretKeyValue>();
  return {
    find: async (id) => keys.get(id)?.clone(),
    async add(id, key) {
      if (!keys.has(id)) keys.set(id, key.clone());
    },
    async remove(id) {
      keys.get(id)?.dispose();
      keys.delete(id);
    },
    dispose() {
      for (const key of keys.values()) key.dispose();
      keys.clear();
    },
  };
}
