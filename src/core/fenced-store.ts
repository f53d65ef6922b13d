import type { Call } from './call.ts';
import type { Clock } from './clock.ts';
import { KeysteadError } from './errors.ts';
import type { WrappedKeyStore } from './store.ts';
import { within } from './within.ts';

/** Milliseconds that one proof speaks for: readiness, where it is probed, renews it long before. */
const PROOF_MS = 10 * 60_000;

/**
 * The fence of a store: nothing is changed in a store that may ignore conditions.
 *
 * Promises: whatever changes a record goes to the store only when its `check`, which proves that `create` and `replace` are
 * conditional, has passed in this process less than `proofMs` ago, and has found nothing since; where that is not so, the
 * check is made first, and what that throws is thrown. So a store that was away at start, and comes back as another, loses
 * no key.
 * Does not promise: that the store still obeys a moment later.
 */
export function fencedStore(store: WrappedKeyStore, deps: { clock: Clock; proofMs?: number }): WrappedKeyStore {
  const proofMs = deps.proofMs ?? PROOF_MS;
  let provedAt: number | undefined;
  let proving: Promise<void> | undefined;

  const check = async (call: Call): Promise<void> => {
    try {
      await store.check(call);
      provedAt = deps.clock.now().getTime();
    } catch (error) {
      // What is away, or refuses us, has not become another.
      if (KeysteadError.from(error).reason === 'not-supported') provedAt = undefined;
      throw error;
    }
  };
  const holds = (): boolean => {
    const age = provedAt === undefined ? -1 : deps.clock.now().getTime() - provedAt;
    return age >= 0 && age < proofMs;
  };
  /** One proves for all who wait; where it fails for one, the others prove for themselves. */
  const demand = async (call: Call): Promise<void> => {
    if (holds()) return;
    const other = proving;
    if (other !== undefined) {
      await within(call, () => other.catch(() => {}));
      if (holds()) return;
    }
    const own = check(call);
    proving = own;
    try {
      await own;
    } finally {
      if (proving === own) proving = undefined;
    }
  };
  return {
    uri: store.uri,
    read: (name, call) => store.read(name, call),
    async create(name, bytes, call) {
      await demand(call);
      return store.create(name, bytes, call);
    },
    async replace(name, bytes, etag, call) {
      await demand(call);
      return store.replace(name, bytes, etag, call);
    },
    async delete(name, etag, call) {
      await demand(call);
      return store.delete(name, etag, call);
    },
    list: (prefix, from, limit, call) => store.list(prefix, from, limit, call),
    check,
    close: () => store.close(),
  };
}
