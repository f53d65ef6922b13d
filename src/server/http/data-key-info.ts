import type { Static } from 'typebox';
import type { DataKeyInfo } from '../../data-keys/data-keys.ts';
import { etagText } from './etag.ts';
import type { DataKeyInfoAnswer } from './schemas.ts';

/** What is known of a data key, in the words of the API: what they have no word for is not told. */
export function dataKeyInfo(info: DataKeyInfo): Static<typeof DataKeyInfoAnswer> {
  const { id, version, source, state, length, kek, kekVersion, createdAt, purgeAt, etag } = info;
  return {
    dataKeyId: id,
    version,
    source,
    state,
    ...(length === undefined ? {} : { length }),
    kek,
    kekVersion,
    ...(createdAt === undefined ? {} : { createdAt: createdAt.toISOString() }),
    ...(purgeAt === undefined ? {} : { purgeAt: purgeAt.toISOString() }),
    ...(etag === undefined ? {} : { etag: etagText(etag) }),
  };
}
