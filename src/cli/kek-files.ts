import { join } from 'node:path';
import { Expander, extractPrk, kekFingerprint } from '../core/derive.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import { unreadable } from '../core/unreadable.ts';

/** Names of the files in a KEK's folder, as Constellation mounts them. */
export const MASTER_SECRET_FILE = 'mastersecret';
export const SALT_FILE = 'salt';

/** Bytes: as many as the service takes. */
const MAX_LENGTH = 64 * 1024;

/** A KEK as people keep it. Whoever holds one disposes both. */
export interface KekSecrets {
  readonly masterSecret: SecretBytes;
  readonly salt: SecretBytes;
}

/** Reads both files, raw: a line break at the end is part of the secret. Throws `no-file` or `cannot-read`. */
export async function readKekFiles(dir: string): Promise<KekSecrets> {
  const masterSecret = await readSecret(join(dir, MASTER_SECRET_FILE));
  try {
    return { masterSecret, salt: await readSecret(join(dir, SALT_FILE)) };
  } catch (error) {
    masterSecret.dispose();
    throw error;
  }
}

/** The fingerprint that a service with this KEK shows. */
export function fingerprintOf({ masterSecret, salt }: KekSecrets): string {
  const prk = extractPrk(masterSecret.expose(), salt.expose());
  const expander = new Expander(prk.expose());
  try {
    return kekFingerprint(expander);
  } finally {
    expander.dispose();
    prk.dispose();
  }
}

async function readSecret(path: string): Promise<SecretBytes> {
  // Loaded here: `kek generate` and help do without the configuration.
  const { readSmallFile } = await import('../config/read-small-file.ts');
  try {
    return SecretBytes.own(await readSmallFile(path, MAX_LENGTH));
  } catch (error) {
    throw unreadable(path, error);
  }
}
