import { KeysteadError } from '../core/errors.ts';
import type { Stored } from '../core/store.ts';
import { readRecord } from '../core/wrapped-record.ts';

/**
 * Throws `record-corrupt` where the record with one of the service's own names is a data key's. That may be where the
 * prefix of one store leads into the folder of another, `data-keys/`; to write it anew would lose the data key.
 *
 * @param ownId the id that the service's own record has, where it has the form of a data key's.
 */
export function assertNoDataKey({ bytes }: Pick<Stored, 'bytes'>, name: string, ownId?: string): void {
  const id = idOf(bytes, name);
  if (id === undefined || id === ownId) return;
  throw new KeysteadError(
    'record-corrupt',
    `the record ${name} is a data key's, so the store is another one's folder; give it another prefix`,
  );
}

/** Undefined for what is no record of that form. */
function idOf(bytes: Uint8Array, name: string): string | undefined {
  try {
    return readRecord(bytes, name).id;
  } catch {
    return undefined;
  }
}
