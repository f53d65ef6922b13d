import type { Call } from '../core/call.ts';
import { toBase64 } from '../core/encoding.ts';
import { KeysteadError, type Reason } from '../core/errors.ts';
import type { LocalKey } from '../core/local-key.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';
import type { Sealer } from './sealer.ts';

/** Calls to KMS at once: far below any account's quota. */
const WIDTH = 16;
/** Why the key that a file names cannot be used any more: nobody can mend that from here. */
const UNUSABLE: readonly Reason[] = ['key-stopped', 'key-pending-deletion', 'no-kek'];

/** Which key new values go under. */
export interface PsymlKeys {
  /** `encrypted_with` of the file: used as long as it can be. */
  readonly declared?: string | undefined;
  /** The key that the alias stands for. */
  current(call: Call): Promise<string>;
  /** Told once when the declared key cannot be used. */
  tell?(message: string): Promise<void>;
}

/**
 * psyml's ciphertext: base64 of what KMS Encrypt gives, under the context `{Client: psyml, Name: <name>}`. It binds a
 * value to its name, not to its file; it names its own key.
 */
export function psymlSealer(localKey: LocalKey, keys: PsymlKeys): Sealer {
  let { declared } = keys;
  const encrypt = async (name: string, value: SecretBytes, call: Call): Promise<Uint8Array> => {
    const key = declared ?? (await keys.current(call));
    try {
      return await localKey.encrypt(key, value, contextOf(name), call);
    } catch (error) {
      if (!(error instanceof KeysteadError) || key !== keys.declared || !UNUSABLE.includes(error.reason)) throw error;
      if (declared !== undefined) {
        declared = undefined;
        await keys.tell?.(`${error.message}; new secrets go under ${await keys.current(call)}`);
      }
      return localKey.encrypt(await keys.current(call), value, contextOf(name), call);
    }
  };
  return {
    width: WIDTH,
    seal: async (name, value, call) => toBase64(await encrypt(name, value, call)),
    open: async (name, text, call) => localKey.decrypt(ciphertextOf(text), contextOf(name), call),
  };
}

function contextOf(name: string) {
  return { Client: 'psyml', Name: name };
}

/** As Python reads base64: what is not in its alphabet is skipped. */
function ciphertextOf(text: string): Uint8Array {
  const digits = text.replace(/[^A-Za-z0-9+/=]/g, '');
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(digits)) {
    throw new KeysteadError('context-mismatch', 'the value is not base64, so it is no ciphertext');
  }
  return Buffer.from(digits, 'base64');
}
