import { KeysteadError } from '../core/errors.ts';
import { type KeyFlow, keyFlow } from './flow.ts';
import type { SecretKeyValue } from './secret-key-value.ts';

/** A value in a record: text as it is, bytes in hexadecimal digits, so that neither can be taken for the other. */
export type SavedValue = string | { readonly hex: string };

/** What is saved of a key: plain JSON. `key` is there when the last flow was forward. */
export interface StateRecord {
  /** Null: the key was not used yet. */
  readonly state: KeyFlow | null;
  readonly key?: SavedValue;
}

/** How states are kept: bring your own, or `storeStateRepository`. */
export interface StateRepository {
  /** What was written last; undefined or null when there is nothing. */
  readState(name: string): unknown;
  /**
   * @param options.unused the key was not used since its manager began, so it has nothing new to say: what is there
   *   already, maybe with a key, must stay.
   */
  writeState(name: string, stored: unknown, options: { readonly unused: boolean }): void | Promise<void>;
}

/** What keeps saved keys secret: bring your own, or `kekCryptoTool`. */
export interface CryptoTool {
  encrypt(record: StateRecord, name: string): unknown;
  decrypt(stored: unknown, name: string): unknown;
}

/** A state that was read: without a flow it is that of a first start. */
export interface SavedState {
  readonly flow: KeyFlow | undefined;
  /** What stands for the key; it need not be one. Undefined: nothing does. */
  readonly keys: unknown;
}

export function stateRecord(flow: KeyFlow | undefined, key: SecretKeyValue | undefined): StateRecord {
  if (flow !== 'FORWARD_PATH' || key === undefined) return { state: flow ?? null };
  return { state: flow, key: shownValue(key) };
}

/** A value as records have it. */
export function shownValue(value: SecretKeyValue): SavedValue {
  const shown = value.expose();
  if (typeof shown === 'string') return shown;
  const hex = Buffer.from(shown).toString('hex');
  shown.fill(0);
  return { hex };
}

/**
 * Reads a record that this or another implementation saved: `state` may be any name of a flow, `key` a value or a list
 * of two.
 *
 * Throws `bad-key-state` for a flow that nobody knows, `bad-request` or `bad-key-value` for what is no record.
 */
export function savedState(record: unknown): SavedState {
  if (record === null || record === undefined) return FIRST_START;
  if (typeof record !== 'object' || Array.isArray(record) || record instanceof Uint8Array) {
    throw new KeysteadError('bad-request', 'a saved state must be an object with the fields state and key');
  }
  const { state, key } = record as { state?: unknown; key?: unknown };
  if (state === null || Object.keys(record).length === 0) return FIRST_START;
  if (typeof state !== 'string')
    throw new KeysteadError('bad-request', 'the field state of a saved state must be text');
  return { flow: savedFlow(state), keys: Array.isArray(key) ? key.map(savedValue) : savedValue(key) };
}

const FIRST_START: SavedState = { flow: undefined, keys: undefined };

function savedFlow(name: string): KeyFlow {
  try {
    return keyFlow(name);
  } catch (cause) {
    throw new KeysteadError('bad-key-state', 'the saved state of the key names a flow that is not known', { cause });
  }
}

function savedValue(value: unknown): unknown {
  const hex = typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && 'hex' in value;
  if (!hex) return value;
  if (typeof value.hex !== 'string' || !/^(?:[0-9a-fA-F]{2})*$/.test(value.hex)) {
    throw new KeysteadError('bad-key-value', 'the bytes of a saved key are not hexadecimal digits in pairs');
  }
  return Uint8Array.from(Buffer.from(value.hex, 'hex'));
}
