import type { KeyVaultKey } from '@azure/keyvault-keys';
import { KeysteadError } from '../../core/errors.ts';
import type { Algorithm } from './key-name.ts';

const MIN_RSA_BITS = 2048;
const OPERATIONS = ['wrapKey', 'unwrapKey'] as const;

/** The algorithm that fits a key; undefined where none does. An AES key does not say how long it is: 256 bits, then. */
export function algorithmOf({ keyType }: KeyVaultKey): Algorithm | undefined {
  if (keyType === 'RSA' || keyType === 'RSA-HSM') return 'RSA-OAEP-256';
  return keyType === 'oct-HSM' ? 'A256KW' : undefined;
}

/**
 * Throws what stands in the way of wrapping with a key, as far as the key says it itself: `key-stopped` or
 * `wrong-key-type`. Whether it has expired is for the vault's clock to say.
 */
export function assertUsable(key: KeyVaultKey, algorithm: Algorithm, what: string): void {
  if (key.properties.enabled === false) throw new KeysteadError('key-stopped', `${what} is disabled; enable it`);
  const isRsa = algorithm === 'RSA-OAEP-256';
  const fitting = algorithmOf(key);
  if (fitting === undefined || isRsa !== (fitting === 'RSA-OAEP-256')) {
    throw wrongType(
      what,
      `is of type ${key.keyType}, which ${algorithm} does not fit`,
      'an RSA key, or an oct-HSM key of a Managed HSM',
    );
  }
  const bits = (key.key?.n?.length ?? 0) * 8;
  if (isRsa && bits < MIN_RSA_BITS) throw wrongType(what, `has ${bits} bits`, `one of ${MIN_RSA_BITS} bits or more`);
  const missing = OPERATIONS.find((operation) => key.keyOperations?.includes(operation) !== true);
  if (missing !== undefined) {
    throw wrongType(what, `does not allow ${missing}`, `one that allows ${OPERATIONS.join(' and ')}`);
  }
}

function wrongType(what: string, is: string, give: string): KeysteadError {
  return new KeysteadError('wrong-key-type', `${what} ${is}; give ${give}`);
}
