import type { DataKeys } from './data-keys.ts';

type Changes = Omit<DataKeys, 'get'>;

/**
 * Everything of data keys but `get`, as it is; `forget` is told of each id once a change of it is over, in whatever way:
 * what was remembered of it may be wrong then. A change that failed may have taken place all the same.
 */
export function changing(inner: DataKeys, forget: (id: string) => void): Changes {
  const after = async <T>(id: string, change: Promise<T>): Promise<T> => {
    try {
      return await change;
    } finally {
      forget(id);
    }
  };
  return {
    describe: (id, call) => inner.describe(id, call),
    list: (prefix, from, limit, call) => inner.list(prefix, from, limit, call),
    rotate: (id, call) => after(id, inner.rotate(id, call)),
    rewrap: (id, call) => after(id, inner.rewrap(id, call)),
    delete: (id, etag, call) => after(id, inner.delete(id, etag, call)),
    restore: (id, call) => after(id, inner.restore(id, call)),
  };
}
