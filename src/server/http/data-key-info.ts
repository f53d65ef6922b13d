import type { Static } from 'typebox';
import type { DataKeyInfo } from '../../data-keys/data-keys.ts';
import type { DataKeyInfoAnswer } from './schemas.ts';

/** What is known of a data key, in the words of the API. */
export function dataKeyInfo({ id, createdAt, ...info }: DataKeyInfo): Static<typeof DataKeyInfoAnswer> {
  return { dataKeyId: id, ...info, ...(createdAt === undefined ? {} : { createdAt: createdAt.toISOString() }) };
}
