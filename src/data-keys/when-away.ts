import { asUnavailable } from '../core/away.ts';
import type { DataKeys } from './data-keys.ts';

/** While KMS or store is away, every operation fails with `unavailable` and says when to come back. */
export function unavailableWhenAway(inner: DataKeys): DataKeys {
  const honest = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      throw asUnavailable(error);
    }
  };
  return {
    get: (request, call) => honest(inner.get(request, call)),
    describe: (id, call) => honest(inner.describe(id, call)),
    list: (prefix, from, limit, call) => honest(inner.list(prefix, from, limit, call)),
    rotate: (id, call) => honest(inner.rotate(id, call)),
    rewrap: (id, call) => honest(inner.rewrap(id, call)),
    delete: (id, etag, call) => honest(inner.delete(id, etag, call)),
    restore: (id, call) => honest(inner.restore(id, call)),
  };
}
