import { KeysteadError } from './errors.ts';
import type { KmsUri, StorageUri } from './uri-schemas.ts';

/** `derive`: data keys come out of the KEK and are kept nowhere. `wrap`: they are random, wrapped and stored. */
export type ServiceMode = 'derive' | 'wrap';

/**
 * Which of the two the service does. Throws `bad-config` where the URIs do not say it, since the two give different
 * keys for one id: never guessed.
 */
export function serviceMode(kms: KmsUri, storage: StorageUri): ServiceMode {
  return kms.provider === 'cluster-kms' ? clusterMode(kms.mode, storage) : cloudMode(kms, storage);
}

function clusterMode(mode: ServiceMode | undefined, storage: StorageUri): ServiceMode {
  const inCloud = storage.provider !== 'memory' && storage.provider !== 'no-store';
  const where = `storage://${storage.provider}`;
  if (mode === 'wrap' && storage.provider === 'no-store') {
    throw bad(`mode=wrap needs a store for the wrapped keys, and ${where} keeps nothing; give another store`);
  }
  if (mode === 'derive' && inCloud) {
    throw bad(`mode=derive stores nothing, so ${where} would stay empty; give storage://no-store or mode=wrap`);
  }
  if (mode === undefined && inCloud) {
    throw bad(
      `kms://cluster-kms with ${where} does not say how data keys are made; give kms://cluster-kms?mode=wrap to store random keys, or storage://no-store to derive them`,
    );
  }
  return mode ?? 'derive';
}

function cloudMode(kms: KmsUri, storage: StorageUri): ServiceMode {
  if (storage.provider !== 'no-store') return 'wrap';
  throw bad(
    `kms://${kms.provider} wraps data keys, and storage://no-store keeps nothing, so every key would be lost; give a store`,
  );
}

function bad(message: string): KeysteadError {
  return new KeysteadError('bad-config', message);
}
