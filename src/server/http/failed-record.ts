import { type Static, Type } from 'typebox';
import type { JobFailure } from '../../data-keys/data-keys.ts';
import { object } from './schemas.ts';

/** A record that something is wrong with, as an answer tells of it. */
export const FailedRecordAnswer = object({
  record: Type.String({ description: 'Its name in the store.' }),
  dataKeyId: Type.Optional(Type.String({ description: 'Absent where the record cannot be read.' })),
  reason: Type.String({ description: 'As in a problem.' }),
  detail: Type.String({ description: 'What is wrong with it.' }),
  retryable: Type.Boolean({ description: 'Whether another walk may find nothing wrong with it.' }),
});

export function failedRecord({ name, id, reason, message, retryable }: JobFailure): Static<typeof FailedRecordAnswer> {
  return { record: name, ...(id === undefined ? {} : { dataKeyId: id }), reason, detail: message, retryable };
}
