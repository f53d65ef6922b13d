import type { BlobInfo } from '../core/blob-info.ts';
import { shownDataKeyId } from '../core/data-key-id.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Stored } from '../core/store.ts';
import { isTombstone, type StoredRecord, type WrappedRecord } from '../core/wrapped-record.ts';
import type { DataKeyInfo } from './data-keys.ts';
import type { KeyVersion } from './key-version.ts';

/** A data key that is still as Constellation stored it, under its own id as the name. */
export interface BlobRecord {
  readonly id: string;
  readonly blob: BlobInfo;
}

export type KeyRecord = StoredRecord | BlobRecord;

/** A data key's record as it was read. */
export interface FoundRecord {
  readonly record: KeyRecord;
  readonly stored: Stored;
}

/** A record whose key can be had, or restored. */
export type KeptRecord = WrappedRecord | BlobRecord;

export function isBlob(record: KeyRecord): record is BlobRecord {
  return 'blob' in record;
}

/** Undefined for what was purged, or has no longer been restorable since `now`: nobody gets its key again. */
export function keptAt(record: KeyRecord, now: Date): KeptRecord | undefined {
  if (isBlob(record)) return record;
  if (isTombstone(record)) return undefined;
  return record.purgeAt !== undefined && record.purgeAt <= now ? undefined : record;
}

/** Clocks differ: nothing is taken away that another process may still restore. */
const CLOCKS_DIFFER_MS = 60 * 60 * 1000;

/** Whether nobody gets the key again, by any clock: the record may be purged, and its id be used anew. */
export function isGone(record: KeyRecord, now: Date): boolean {
  return keptAt(record, new Date(now.getTime() - CLOCKS_DIFFER_MS)) === undefined;
}

/** Throws `pending-deletion` for a record that another process may still restore, although nobody can here. */
export function assertGone(record: KeyRecord, now: Date): void {
  if (isGone(record, now) || !('purgeAt' in record) || record.purgeAt === undefined) return;
  const free = new Date(record.purgeAt.getTime() + CLOCKS_DIFFER_MS).toISOString();
  throw new KeysteadError(
    'pending-deletion',
    `the data key was deleted, and can no longer be restored; a new one can be made under its id from ${free} on`,
  );
}

/** A record whose key can be had, or restored, as it was read. */
export interface Kept {
  readonly record: KeptRecord;
  readonly stored: Stored;
}

/** The same for a record that may not be there. Throws `no-data-key`. */
export function assertKept(id: string, found: FoundRecord | undefined, now: Date): Kept {
  const record = found && keptAt(found.record, now);
  if (found === undefined || record === undefined) throw noDataKey(id);
  return { record, stored: found.stored };
}

export function noDataKey(id: string): KeysteadError {
  return new KeysteadError('no-data-key', `there is no data key ${shownDataKeyId(id)}`);
}

export function purgeAtOf(record: KeptRecord): Date | undefined {
  return isBlob(record) ? undefined : record.purgeAt;
}

/** Throws `pending-deletion`. */
export function assertActive(record: KeptRecord): void {
  const purgeAt = purgeAtOf(record);
  if (purgeAt === undefined) return;
  throw new KeysteadError(
    'pending-deletion',
    `the data key is deleted, and will be purged at ${purgeAt.toISOString()}; restore it to use it`,
  );
}

/** From the first to the newest. */
export function versionsOf(record: KeptRecord): readonly [KeyVersion, ...KeyVersion[]] {
  if (!isBlob(record)) return record.versions;
  const { blob } = record;
  return [{ version: 1, wrapped: blob.contentKey, length: blob.length, blob }];
}

export function newestOf(record: KeptRecord): KeyVersion {
  const versions = versionsOf(record);
  return versions.at(-1) ?? versions[0];
}

/** Throws `no-version`. */
export function versionOf(record: KeptRecord, wanted: number): KeyVersion {
  const version = versionsOf(record).find(({ version }) => version === wanted);
  if (version !== undefined) return version;
  throw new KeysteadError(
    'no-version',
    `there is no version ${wanted}; the newest version is ${newestOf(record).version}`,
  );
}

/** The highest number that a version of this data key ever had. */
export function lastVersionOf(record: KeyRecord): number {
  return !isBlob(record) && isTombstone(record) ? record.lastVersion : newestOf(record).version;
}

/** What is known of a data key without opening it. @param version the newest when absent. */
export function infoOf({ record, stored }: Kept, version = newestOf(record)): DataKeyInfo {
  const { kek, version: kekVersion } = version.wrapped;
  const purgeAt = purgeAtOf(record);
  return {
    id: record.id,
    version: version.version,
    source: 'stored',
    length: version.length,
    kek,
    kekVersion,
    ...('createdAt' in version ? { createdAt: version.createdAt } : {}),
    etag: stored.etag,
    ...(purgeAt === undefined ? { state: 'active' } : { state: 'pending-deletion', purgeAt }),
  };
}
