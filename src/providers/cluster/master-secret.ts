import { Expander, extractPrk, MIN_MASTER_SECRET_LENGTH, MIN_SALT_LENGTH } from '../../core/derive.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { SecretBytes } from '../../core/secret-bytes.ts';

/**
 * HKDF-Extract of a master secret and a salt, ready to expand. Throws `bad-master-secret` or `bad-salt`.
 * Keeps nothing of its arguments; the caller disposes them, and the expander.
 */
export function openMasterSecret(masterSecret: SecretBytes, salt: SecretBytes): Expander {
  if (masterSecret.length < MIN_MASTER_SECRET_LENGTH) {
    throw new KeysteadError(
      'bad-master-secret',
      `the master secret is ${masterSecret.length} bytes long, at least ${MIN_MASTER_SECRET_LENGTH} are needed (32 advised)`,
    );
  }
  if (salt.length < MIN_SALT_LENGTH) {
    throw new KeysteadError(
      'bad-salt',
      `the salt is ${salt.length} bytes long, at least ${MIN_SALT_LENGTH} are needed`,
    );
  }
  const prk = extractPrk(masterSecret.expose(), salt.expose());
  try {
    return new Expander(prk.expose());
  } finally {
    prk.dispose();
  }
}
