import { setImmediate as turn } from 'node:timers/promises';
import type { Kek } from '../../src/core/kek.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import type { DataKeys } from '../../src/data-keys/data-keys.ts';
import { storedDataKeys } from '../../src/data-keys/stored.ts';
import type { StoredDeps } from '../../src/data-keys/stored-house.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { openClusterKek } from './cluster-kek.ts';
import { testAmbient } from './services.ts';

/** Stored data keys over a memory store and a cluster KEK, or what a test brings. Nobody waits: sleep is one turn. */
export async function storedHouse(
  t: { teardown(fn: () => unknown): void },
  over: Partial<StoredDeps> = {},
): Promise<{ dataKeys: DataKeys; kek: Kek; store: WrappedKeyStore }> {
  const deps = {
    ...over,
    kek: over.kek ?? (await openClusterKek(t)),
    store: over.store ?? memoryStore(),
    random: over.random ?? testAmbient().random,
    clock: over.clock ?? { now: () => new Date(Date.UTC(2030, 0, 1)), sleep: () => turn() },
  };
  t.teardown(() => deps.store.close());
  return { ...deps, dataKeys: storedDataKeys(deps) };
}
