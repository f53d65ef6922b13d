import { KeysteadError } from '../../src/core/errors.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';

/** What goes wrong with one call. */
export type Fault =
  /** Nothing happens, and it throws. */
  | 'fails'
  /** It happens, and it throws: the answer was lost. */
  | 'loses-answer'
  /** It happens twice, and the second answer is given: a client below repeated it. */
  | 'repeats'
  /** It never answers, whatever the call's deadline says. */
  | 'hangs'
  /** `create` and `replace` overwrite what is there, whatever the condition, and say that they did what was asked. */
  | 'overwrites'
  /** The same, and they say that the condition did not hold. */
  | 'denies'
  /** `create` writes nothing, and says that it created. */
  | 'pretends'
  /** `read` says that there is nothing. */
  | 'forgets'
  /** `read` answers with the record of that name. */
  | { readonly answers: string };

export type StoreOperation = 'read' | 'create' | 'replace' | 'delete' | 'list';

/** Decides what goes wrong; `n` counts the calls of one operation from 1 on. */
export type FaultPlan = (operation: StoreOperation, n: number, name: string) => Fault | undefined;

/** A store that does its work by `inner`, but for what the plan says. `calls` is what it was asked. */
export function faultyStore(
  inner: WrappedKeyStore,
  plan: FaultPlan,
): WrappedKeyStore & { readonly calls: readonly StoreOperation[] } {
  const calls: StoreOperation[] = [];
  const faultOf = (operation: StoreOperation, name: string) => {
    calls.push(operation);
    return plan(operation, calls.filter((call) => call === operation).length, name);
  };
  return {
    calls,
    uri: inner.uri,
    async read(name, call) {
      const fault = faultOf('read', name);
      if (fault === 'forgets') return undefined;
      if (typeof fault === 'object') return inner.read(fault.answers, call);
      return faulty(fault, () => inner.read(name, call));
    },
    async create(name, bytes, call) {
      const fault = faultOf('create', name);
      if (fault === 'pretends') return true;
      const there = isBlind(fault) ? await inner.read(name, call) : undefined;
      if (there === undefined) return faulty(fault, () => inner.create(name, bytes, call));
      await inner.replace(name, bytes, there.etag, call);
      return fault === 'overwrites';
    },
    async replace(name, bytes, etag, call) {
      const fault = faultOf('replace', name);
      const there = isBlind(fault) ? await inner.read(name, call) : undefined;
      if (there === undefined) return faulty(fault, () => inner.replace(name, bytes, etag, call));
      await inner.replace(name, bytes, there.etag, call);
      if (fault === 'denies' && there.etag !== etag) throw new KeysteadError('stale-etag', 'the record has changed');
    },
    delete: (name, etag, call) => faulty(faultOf('delete', name), () => inner.delete(name, etag, call)),
    list: (prefix, from, limit, call) => faulty(faultOf('list', prefix), () => inner.list(prefix, from, limit, call)),
    check: (call) => inner.check(call),
    close: () => inner.close(),
  };
}

function isBlind(fault: Fault | undefined): boolean {
  return fault === 'overwrites' || fault === 'denies';
}

async function faulty<T>(fault: Fault | undefined, work: () => Promise<T>): Promise<T> {
  if (fault === 'fails') throw unreachable();
  if (fault === 'hangs') return new Promise<T>(() => {});
  const answer = await work();
  if (fault === 'loses-answer') throw unreachable();
  return fault === 'repeats' ? work() : answer;
}

function unreachable(): KeysteadError {
  return new KeysteadError('store-unreachable', 'the store could not be reached');
}
