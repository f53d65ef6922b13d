import type { Call } from '../core/call.ts';
import type { Random } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Kek } from '../core/kek.ts';
import type { CryptoTool } from './saved-state.ts';
import { openJson, sealJson } from './sealed-json.ts';

/**
 * The crypto tool of a key manager whose key is a KEK, so that it needs no key of its own: each record is sealed under a
 * fresh content key, which the KEK wraps. Both are bound to the name, so that the state of one key does not open as that
 * of another (docs/formats/key-manager.md).
 */
export function kekCryptoTool(deps: {
  readonly kek: Kek;
  readonly random: Random;
  /** The call of each wrap and unwrap, with its deadline. */
  readonly call: () => Call;
}): CryptoTool {
  const contextOf = (name: string) => ({ keystead: '1', use: 'key-manager-state', name });
  return {
    encrypt: (record, name) => sealJson(deps, record, contextOf(name)),
    async decrypt(stored, name) {
      if (stored instanceof Uint8Array) return openJson(deps, stored, contextOf(name));
      throw new KeysteadError('record-corrupt', `the saved state of ${name} is not what this crypto tool gave`);
    },
  };
}
