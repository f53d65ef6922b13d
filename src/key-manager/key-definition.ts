import { KeysteadError } from '../core/errors.ts';
import { type KeyUseCase, keyUseCase } from './flow.ts';
import type { KeySource, KeyStore } from './key-source.ts';

/** What becomes of the callbacks after the one that threw, and of the change. */
export const ERROR_STRATEGIES = {
  /** The rest is not run; `keyChanged` throws. */
  RAISE_IMMEDIATELY: { goesOn: false, raises: true },
  /** The rest is run; `keyChanged` throws at the end. */
  SKIP_AND_RAISE: { goesOn: true, raises: true },
  /** The rest is run; the failure is logged and in the answer. */
  SKIP: { goesOn: true, raises: false },
  /** The rest is not run; the failure is logged and in the answer. */
  HALT: { goesOn: false, raises: false },
} as const satisfies Record<string, { goesOn: boolean; raises: boolean }>;

/** What becomes of a change when a callback throws. */
export type ErrorStrategy = keyof typeof ERROR_STRATEGIES;

/** A key, as the application describes it. */
export interface DefineKey {
  readonly name: string;
  readonly store: KeyStore;
  /** `ROUND_TRIP` may be written `ENCRYPTION_DECRYPTION`. */
  readonly useCase: KeyUseCase | 'ENCRYPTION_DECRYPTION';
  /** True, the default: nothing is read from the repository or saved by `saveStates`. */
  readonly stateless?: boolean;
  /** True, the default: the pair of the last forward is kept for every later back, else for one. */
  readonly keepInCache?: boolean;
  /** Default: `HALT`. */
  readonly onChangeErrorStrategy?: ErrorStrategy;
  /** A key of that name is replaced, its callbacks and its state forgotten; else that is `key-defined`. */
  readonly replace?: boolean;
}

/** A key, as it was defined. */
export interface KeyDefinition {
  readonly name: string;
  readonly store: KeyStore;
  readonly source: KeySource;
  readonly useCase: KeyUseCase;
  readonly stateless: boolean;
  readonly keepInCache: boolean;
  readonly onChangeErrorStrategy: ErrorStrategy;
}

/** Throws `bad-key-definition`, which names the property. */
export function keyDefinition(given: DefineKey): KeyDefinition {
  const { name, store, stateless = true, keepInCache = true, onChangeErrorStrategy = 'HALT' } = given;
  if (typeof name !== 'string' || name === '') throw bad('name must be a text that is not empty');
  const useCase = keyUseCase(given.useCase);
  if (useCase === undefined) throw bad('useCase must be ROUND_TRIP or ONE_WAY_TRIP');
  if (typeof stateless !== 'boolean') throw bad('stateless must be true or false');
  if (typeof keepInCache !== 'boolean') throw bad('keepInCache must be true or false');
  if (typeof onChangeErrorStrategy !== 'string' || !Object.hasOwn(ERROR_STRATEGIES, onChangeErrorStrategy)) {
    throw bad(`onChangeErrorStrategy must be one of ${Object.keys(ERROR_STRATEGIES).join(', ')}`);
  }
  const source = sourceOf(store);
  return { name, store, source, useCase, stateless, keepInCache, onChangeErrorStrategy };
}

function sourceOf(store: unknown): KeySource {
  if (typeof store === 'function') {
    if (store.length > 0) throw bad('store must be a function without parameters');
    return { read: store as KeySource['read'], lends: true };
  }
  if (typeof store === 'object' && store !== null && typeof (store as KeySource).read === 'function') {
    return store as KeySource;
  }
  throw bad('store must be a function without parameters, or a source');
}

function bad(text: string): KeysteadError {
  return new KeysteadError('bad-key-definition', `the key definition is not valid: ${text}`);
}
