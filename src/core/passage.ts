import type { Call } from './call.ts';
import type { Kek } from './kek.ts';
import type { SecretBytes } from './secret-bytes.ts';
import type { WrappedKeyStore } from './store.ts';

/** What a KMS or a store can be asked to do. */
export type UpstreamOperation = 'wrap' | 'unwrap' | 'read' | 'create' | 'replace' | 'delete' | 'list' | 'check';

/** A call to a KMS or a store on its way there. */
export interface Passing<T> {
  readonly operation: UpstreamOperation;
  readonly call: Call;
  /** Does it. */
  work(): Promise<T>;
}

/** Something that every call to one KMS or one store goes through: it counts them, or makes them wait, or both. */
export type Passage = <T>(passing: Passing<T>) => Promise<T>;

/** A KEK whose every call goes through the passages, the first one first. */
export function kekThrough(kek: Kek, ...passages: readonly Passage[]): Kek {
  const pass = joined(passages);
  return {
    uri: kek.uri,
    wrap: (key, context, call) => pass({ operation: 'wrap', call, work: () => kek.wrap(key, context, call) }),
    unwrap: (wrapped, context, call) =>
      pass<SecretBytes>({ operation: 'unwrap', call, work: () => kek.unwrap(wrapped, context, call) }),
    check: (call) => pass({ operation: 'check', call, work: () => kek.check(call) }),
    close: () => kek.close(),
  };
}

/** As `kekThrough`, for a store. */
export function storeThrough(store: WrappedKeyStore, ...passages: readonly Passage[]): WrappedKeyStore {
  const pass = joined(passages);
  return {
    uri: store.uri,
    read: (name, call) => pass({ operation: 'read', call, work: () => store.read(name, call) }),
    create: (name, bytes, call) => pass({ operation: 'create', call, work: () => store.create(name, bytes, call) }),
    replace: (name, bytes, etag, call) =>
      pass({ operation: 'replace', call, work: () => store.replace(name, bytes, etag, call) }),
    delete: (name, etag, call) => pass({ operation: 'delete', call, work: () => store.delete(name, etag, call) }),
    list: (prefix, from, limit, call) =>
      pass({ operation: 'list', call, work: () => store.list(prefix, from, limit, call) }),
    check: (call) => pass({ operation: 'check', call, work: () => store.check(call) }),
    close: () => store.close(),
  };
}

function joined(passages: readonly Passage[]): Passage {
  return passages.reduceRight<Passage>(
    (next, passage) => (passing) => passage({ ...passing, work: () => next(passing) }),
    ({ work }) => work(),
  );
}
