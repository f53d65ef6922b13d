import { KeysteadError } from '../core/errors.ts';
import type { ChangeView } from './change-view.ts';
import { ERROR_STRATEGIES, type ErrorStrategy } from './key-definition.ts';
import type { KeyPairInput } from './key-pair.ts';

/** Told of a change: the old and the new keys as `keyChanged` was given them, and the key itself. */
export type ChangeCallback = (
  oldKeys: KeyPairInput | undefined,
  newKeys: KeyPairInput | undefined,
  key: ChangeView,
) => unknown;

/** What a callback has come to: not begun, begun, thrown, ended. */
export type CallbackStatus = 'PENDING' | 'IN_PROGRESS' | 'FAILED' | 'SUCCEEDED';

/** What became of one callback. */
export interface CallbackReport {
  readonly name: string;
  readonly status: CallbackStatus;
  /** What it threw, when it failed. */
  readonly error?: unknown;
}

/** A callback of a change failed, and the key's strategy says that this is an error. */
export class KeyChangedError extends KeysteadError {
  readonly keyName: string;
  /** Of every callback, in order. */
  readonly callbacks: readonly CallbackReport[];

  constructor(keyName: string, callbacks: readonly CallbackReport[], cause: unknown) {
    const failed = callbacks.filter(({ status }) => status === 'FAILED').map(({ name }) => name);
    const what =
      failed.length === 0 ? 'it is not defined' : `callback ${failed.join(', ')} failed; the cause tells more`;
    super('key-changed', `the change of the key ${keyName} could not be completed: ${what}`, { cause });
    this.keyName = keyName;
    this.callbacks = callbacks;
  }
}

/**
 * Runs the callbacks of a change, in order, each to its end. What becomes of the rest when one throws is the strategy's.
 *
 * @param failed is told of failures that nobody else hears of: which callback, and why, without the text of others' errors.
 */
export async function runCallbacks(
  callbacks: ReadonlyMap<string, ChangeCallback>,
  change: {
    readonly oldKeys: KeyPairInput | undefined;
    readonly newKeys: KeyPairInput | undefined;
    readonly key: ChangeView;
  },
  strategy: ErrorStrategy,
  failed: (callback: string, why: string) => void,
): Promise<CallbackReport[]> {
  const { goesOn, raises } = ERROR_STRATEGIES[strategy];
  const reports: CallbackReport[] = [...callbacks.keys()].map((name) => ({ name, status: 'PENDING' }));
  let at = 0;
  for (const [name, callback] of callbacks) {
    reports[at] = { name, status: 'IN_PROGRESS' };
    try {
      await callback(change.oldKeys, change.newKeys, change.key);
      reports[at] = { name, status: 'SUCCEEDED' };
    } catch (error) {
      reports[at] = { name, status: 'FAILED', error };
      if (!raises) failed(name, whyOf(error));
      if (!goesOn) break;
    }
    at += 1;
  }
  const failure = raises ? failureOf(change.key.name, reports) : undefined;
  if (failure !== undefined) throw failure;
  return reports;
}

/** What a change is as an error, where a callback failed. */
export function failureOf(keyName: string, reports: readonly CallbackReport[]): KeyChangedError | undefined {
  const first = reports.find(({ status }) => status === 'FAILED');
  return first && new KeyChangedError(keyName, reports, first.error);
}

/** Our own texts hold no secret; what others say may. */
function whyOf(error: unknown): string {
  if (error instanceof KeysteadError) return error.message;
  const what = error instanceof Error ? error.constructor.name : typeof error;
  return `${what}, whose text is in the answer of keyChanged`;
}
