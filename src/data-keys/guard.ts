import type { Call } from '../core/call.ts';
import { assertDataKeyId } from '../core/data-key-id.ts';
import { assertKeyLength, CHECK_LENGTH, hasCheckValue } from '../core/derive.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Guard } from '../core/guard.ts';
import type { Action } from '../core/policy.ts';
import type { DataKey, DataKeyInfo, DataKeyJobs, DataKeys, GetDataKey, JobReport, JobRequest } from './data-keys.ts';

/** Names of one page of a list at most. */
export const MAX_PAGE_SIZE = 1000;

/**
 * Where a page begins: a `next` of an earlier one, or how to learn it, which costs the KMS and tells who asks something,
 * and is not done before the policy has said yes.
 */
export type PageStart = string | (() => Promise<string>);

/** As the rooms, with pages that may begin where a token says. */
export type GuardedDataKeys = Omit<DataKeys, 'list'> & {
  list(prefix: string, from: PageStart | undefined, limit: number, call: Call): ReturnType<DataKeys['list']>;
};

type GuardedJobRequest = Omit<JobRequest, 'from'> & { readonly from?: PageStart };
export type GuardedDataKeyJobs = {
  [Name in keyof DataKeyJobs]: (request: GuardedJobRequest, call: Call) => ReturnType<DataKeyJobs[Name]>;
};

async function placeOf(from: PageStart | undefined): Promise<string | undefined> {
  return typeof from === 'function' ? from() : from;
}

/**
 * The one way to data keys for every transport: checks the request, asks the policy, compares the check value, and
 * answers when the audit line is written.
 */
export function guardedDataKeys(deps: {
  inner: DataKeys;
  guard: Guard;
  /** False where every key exists already, so that no call ever creates one. */
  creates: boolean;
  /** Told of every key that is handed out; for counting. */
  handedOut?: (source: DataKey['source']) => void;
}): GuardedDataKeys {
  const { inner, guard, creates, handedOut } = deps;
  return {
    async get(request, call) {
      assertGetDataKey(request);
      const answer = await guard.run<DataKey>(
        {
          action: 'data-key.get',
          resource: request.id,
          length: request.length,
          run: () => getPermitted({ inner, guard, creates }, request, call),
          details: (key) => ({
            version: key.version,
            length: key.key.length,
            created: key.created,
            source: key.source,
          }),
          discard: (key) => key.key.dispose(),
        },
        call,
      );
      handedOut?.(answer.source);
      return answer;
    },
    async describe(id, call) {
      assertDataKeyId(id);
      return guard.run<DataKeyInfo>(
        { action: 'data-key.describe', resource: id, run: () => inner.describe(id, call) },
        call,
      );
    },
    async list(prefix, from, limit, call) {
      if (prefix !== '') assertDataKeyId(prefix);
      if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_SIZE) {
        throw new KeysteadError('bad-request', `page_size must be a whole number from 1 to ${MAX_PAGE_SIZE}`);
      }
      const run = async () => inner.list(prefix, await placeOf(from), limit, call);
      return guard.run({ action: 'data-key.list', resource: prefix, prefix, run }, call);
    },
    async rotate(id, call) {
      assertDataKeyId(id);
      const details = ({ version }: DataKeyInfo) => ({ version });
      return guard.run({ action: 'data-key.rotate', resource: id, run: () => inner.rotate(id, call), details }, call);
    },
    async rewrap(id, call) {
      assertDataKeyId(id);
      return guard.run(
        {
          action: 'data-key.rewrap',
          resource: id,
          run: () => inner.rewrap(id, call),
          details: ({ rewrapped, kek, kekVersion }) => ({ rewrapped, kek, kekVersion }),
        },
        call,
      );
    },
    async delete(id, etag, call) {
      assertDataKeyId(id);
      return guard.run(
        {
          action: 'data-key.delete',
          resource: id,
          run: () => inner.delete(id, etag, call),
          details: ({ purgeAt }) => ({ purgeAt: purgeAt.toISOString() }),
        },
        call,
      );
    },
    async restore(id, call) {
      assertDataKeyId(id);
      const details = ({ version }: DataKeyInfo) => ({ version });
      return guard.run({ action: 'data-key.restore', resource: id, run: () => inner.restore(id, call), details }, call);
    },
  };
}

/** What an audit line and a policy call all data keys at once. */
const ALL = '*';
/** Records that a walk works on at once at most. */
export const MAX_JOB_CONCURRENCY = 64;

/** The one way to walks over all data keys. One audit line for the whole walk, written when it is over. */
export function guardedDataKeyJobs(deps: { inner: DataKeyJobs; guard: Guard }): GuardedDataKeyJobs {
  const { inner, guard } = deps;
  const guarded =
    <T extends JobReport>(action: Action, job: (request: JobRequest, call: Call) => Promise<T>) =>
    async ({ from, ...request }: GuardedJobRequest, call: Call): Promise<T> => {
      assertJobRequest(request);
      const details = ({ done, changed, failed }: T) => ({ done, changed, failed });
      const run = async () => {
        const place = await placeOf(from);
        return job(place === undefined ? request : { ...request, from: place }, call);
      };
      return guard.run({ action, resource: ALL, prefix: '', run, details }, call);
    };
  return {
    rewrapAll: guarded('data-key.rewrap', inner.rewrapAll),
    verifyAll: guarded('data-key.verify', inner.verifyAll),
    purgeAll: guarded('data-key.delete', inner.purgeAll),
    census: guarded('data-key.list', inner.census),
  };
}

/** Throws `bad-request`. */
function assertJobRequest({ concurrency = 1, limit = 1 }: Omit<JobRequest, 'from'>): void {
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_JOB_CONCURRENCY) {
    throw new KeysteadError('bad-request', `concurrency must be a whole number from 1 to ${MAX_JOB_CONCURRENCY}`);
  }
  if (!Number.isInteger(limit) || limit < 1) {
    throw new KeysteadError('bad-request', 'limit must be a whole number from 1 on');
  }
}

/** Throws `bad-id`, `bad-length`, `bad-version` or `bad-request`; `check-mismatch` for a key that is expected and must be new. */
function assertGetDataKey(request: GetDataKey): void {
  assertDataKeyId(request.id);
  assertKeyLength(request.length);
  if (request.version !== undefined && (!Number.isSafeInteger(request.version) || request.version < 1)) {
    throw new KeysteadError('bad-version', 'version must be a whole number from 1 on, as an earlier answer gave it');
  }
  if (request.expect !== undefined && request.expect.length !== CHECK_LENGTH) {
    throw new KeysteadError('bad-request', `expect must be ${CHECK_LENGTH} bytes, not ${request.expect.length}`);
  }
  if (request.expect !== undefined && request.create === 'must') {
    throw new KeysteadError('check-mismatch', 'no new key can be the expected one; leave out expect, or create "must"');
  }
}

/** To create is a right of its own: who lacks it gets the keys that exist. */
function getPermitted(
  { inner, guard, creates }: { inner: DataKeys; guard: Guard; creates: boolean },
  request: GetDataKey,
  call: Call,
): Promise<DataKey> {
  const { id, length, create, expect } = request;
  if (expect !== undefined) return getExpected(inner, request, expect, call);
  if (!creates || create === 'never') return inner.get(request, call);
  const refused = guard.refusal({ action: 'data-key.create', resource: id, length }, call);
  if (refused === undefined) return inner.get(request, call);
  if (create === 'must') throw refused.error;
  return getExisting(inner, request, refused.error, call);
}

/** @param refused what to throw where there is none. */
async function getExisting(inner: DataKeys, request: GetDataKey, refused: KeysteadError, call: Call): Promise<DataKey> {
  try {
    return await inner.get({ ...request, create: 'never' }, call);
  } catch (error) {
    if (KeysteadError.from(error).reason === 'no-data-key') throw refused;
    throw error;
  }
}

/** Makes no key where one is expected: a random one would be refused, and stay under the id for ever. */
async function getExpected(inner: DataKeys, request: GetDataKey, expect: Uint8Array, call: Call): Promise<DataKey> {
  const key = await inner.get({ ...request, create: 'never' }, call);
  if (hasCheckValue(key.key, expect)) return key;
  key.key.dispose();
  throw new KeysteadError(
    'check-mismatch',
    'the data key is not the expected one: its check value differs; the volume was made with another key, or the service has another KEK',
  );
}
