import type { Call } from '../core/call.ts';
import type { Context } from '../core/context.ts';
import type { WrappedKey } from '../core/kek.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import { within } from '../core/within.ts';
import type { RecordVersion } from '../core/wrapped-record.ts';
import { changeRecord } from './change-record.ts';
import type { RewrappedDataKey } from './data-keys.ts';
import { FreshVersions } from './fresh-versions.ts';
import { assertActive, assertKept, infoOf, isBlob, type KeptRecord, versionsOf } from './record-state.ts';
import type { StoredHouse } from './stored-house.ts';

/** The newest version of a KEK, as keys that it wraps name it. */
export type KekVersion = Pick<WrappedKey, 'kek' | 'version'>;

const PROBE_LENGTH = 32;
const PROBE_CONTEXT: Context = { keystead: '1', check: 'newest-version' };

/** A KMS has no word for it that all have, so a probe is wrapped and thrown away. */
export async function newestKekVersion({ kek, random }: StoredHouse, call: Call): Promise<KekVersion> {
  const probe = SecretBytes.own(random.bytes(PROBE_LENGTH));
  try {
    return await within(call, () => kek.wrap(probe, PROBE_CONTEXT, call));
  } finally {
    probe.dispose();
  }
}

/** `rewrap` of one data key that is not deleted. */
export async function rewrapDataKey(house: StoredHouse, id: string, call: Call): Promise<RewrappedDataKey> {
  return rewrapRecord(house, id, { newest: await newestKekVersion(house, call), also: assertActive }, call);
}

/** @param as.also throws for a record that must not be wrapped again. */
export function rewrapRecord(
  house: StoredHouse,
  id: string,
  as: { readonly newest: KekVersion; also?(record: KeptRecord): void },
  call: Call,
): Promise<RewrappedDataKey> {
  const { clock } = house;
  return changeRecord(house, id, call, async (found) => {
    const kept = assertKept(id, found, clock.now());
    const { record } = kept;
    as.also?.(record);
    if (versionsOf(record).every((version) => isUnder(as.newest, version.wrapped))) {
      return { unchanged: { ...infoOf(kept), rewrapped: 0 } };
    }
    const fresh = new FreshVersions(house, id);
    try {
      const versions = await wrapAgain(fresh, record, as.newest, call);
      return {
        record: { ...(isBlob(record) ? { id } : record), versions },
        shownIn: (other) => fresh.shownIn(other),
        async answer(back) {
          const now = assertKept(id, back, clock.now());
          await fresh.verify(now.record, call);
          return { ...infoOf(now), rewrapped: fresh.count };
        },
        dispose: () => fresh.dispose(),
      };
    } catch (error) {
      fresh.dispose();
      throw error;
    }
  });
}

async function wrapAgain(
  fresh: FreshVersions,
  record: KeptRecord,
  newest: KekVersion,
  call: Call,
): Promise<[RecordVersion, ...RecordVersion[]]> {
  const [first, ...rest] = versionsOf(record);
  const again = async (version: typeof first): Promise<RecordVersion> =>
    'blob' in version || !isUnder(newest, version.wrapped) ? fresh.again(record, version.version, call) : version;
  const versions: [RecordVersion, ...RecordVersion[]] = [await again(first)];
  for (const version of rest) versions.push(await again(version));
  return versions;
}

function isUnder({ kek, version }: KekVersion, wrapped: WrappedKey): boolean {
  return wrapped.kek === kek && wrapped.version === version;
}
