import { KeysteadError } from '../core/errors.ts';
import { Fields } from './answers.ts';
import type { CallOptions } from './options.ts';
import { assertCallOptions, assertPageSize, assertText } from './usage.ts';

/** Which part of a walk over all data keys to do. */
export interface JobOptions {
  /** Records of a page at most; the service's own number when absent. */
  readonly pageSize?: number;
  /** The `nextPageToken` of a page before: where a walk that was cut short goes on. */
  readonly pageToken?: string;
}

/** One page of a walk over all data keys. */
export interface JobPage {
  /** Records that were looked at, and those of them that were written anew. */
  readonly done: number;
  readonly changed: number;
  readonly failed: readonly FailedRecord[];
  /** Absent on the last page. */
  readonly nextPageToken?: string;
}

/** A record that something is wrong with; it stayed as it was. */
export interface FailedRecord {
  /** Its name in the store. */
  readonly record: string;
  /** Absent where the record cannot be read. */
  readonly id?: string;
  readonly reason: string;
  /** In plain words. */
  readonly detail: string;
  /** Whether another walk may find nothing wrong with it. */
  readonly retryable: boolean;
}

/** Milliseconds for one page where the client's own patience is shorter: the service works on many keys. */
export const PAGE_TIMEOUT_MS = 60_000;

/** Asks for page after page. */
export async function* jobPages(
  options: JobOptions & CallOptions,
  ask: (body: Uint8Array) => Promise<Fields>,
): AsyncGenerator<JobPage> {
  assertCallOptions(options, ['pageSize', 'pageToken']);
  assertPageSize(options.pageSize);
  assertText(options.pageToken, 'pageToken');
  let pageToken = options.pageToken;
  do {
    const page = readJobPage(await ask(Buffer.from(JSON.stringify({ pageSize: options.pageSize, pageToken }))));
    if (page.nextPageToken !== undefined && page.nextPageToken === pageToken) {
      throw new KeysteadError('bad-answer', 'the service repeats a page of the walk');
    }
    yield page;
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
}

function readJobPage(fields: Fields): JobPage {
  return {
    done: fields.count('done'),
    changed: fields.count('changed'),
    failed: fields.list('failed').map(readFailedRecord),
    ...(fields.has('nextPageToken') ? { nextPageToken: fields.text('nextPageToken') } : {}),
  };
}

export function readFailedRecord(value: unknown): FailedRecord {
  const fields = new Fields(value, 'the answer: a failed record');
  return {
    record: fields.text('record'),
    ...(fields.has('dataKeyId') ? { id: fields.text('dataKeyId') } : {}),
    reason: fields.text('reason'),
    detail: fields.text('detail'),
    retryable: fields.has('retryable') && fields.flag('retryable'),
  };
}

/** Throws `record-corrupt` where there is one, because a list without it looks like a whole one. */
export function assertAllRead([first, ...more]: readonly FailedRecord[]): void {
  if (first === undefined) return;
  const others = more.length === 0 ? '' : `, and ${more.length} more`;
  throw new KeysteadError(
    'record-corrupt',
    `not all is listed: ${first.detail}${others}; storage verify names them all`,
  );
}
