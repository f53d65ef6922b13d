import type { Call } from '../core/call.ts';
import { assertDataKeyId } from '../core/data-key-id.ts';
import { assertKeyLength, CHECK_LENGTH, checkValue } from '../core/derive.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Guard } from '../core/guard.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import type { DataKey, DataKeyInfo, DataKeys, GetDataKey } from './data-keys.ts';

/** Names of one page of a list at most. */
export const MAX_PAGE_SIZE = 1000;

/**
 * The one way to data keys for every transport: checks the request, asks the policy, compares the check value, and
 * answers when the audit line is written.
 */
export function guardedDataKeys(deps: { inner: DataKeys; guard: Guard }): DataKeys {
  const { inner, guard } = deps;
  return {
    async get(request, call) {
      assertGetDataKey(request);
      return guard.run<DataKey>(
        {
          action: 'data-key.get',
          resource: request.id,
          run: () => getExpected(inner, request, call),
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
      return guard.run(
        { action: 'data-key.list', resource: prefix, run: () => inner.list(prefix, from, limit, call) },
        call,
      );
    },
  };
}

/** Throws `bad-id`, `bad-length`, `bad-version` or `bad-request`. */
function assertGetDataKey(request: GetDataKey): void {
  assertDataKeyId(request.id);
  assertKeyLength(request.length);
  if (request.version !== undefined && (!Number.isSafeInteger(request.version) || request.version < 1)) {
    throw new KeysteadError('bad-version', 'version must be a whole number from 1 on, as an earlier answer gave it');
  }
  if (request.expect !== undefined && request.expect.length !== CHECK_LENGTH) {
    throw new KeysteadError('bad-request', `expect must be ${CHECK_LENGTH} bytes, not ${request.expect.length}`);
  }
}

async function getExpected(inner: DataKeys, request: GetDataKey, call: Call): Promise<DataKey> {
  const key = await inner.get(request, call);
  if (request.expect === undefined || SecretBytes.own(checkValue(key.key)).equals(SecretBytes.copyOf(request.expect)))
    return key;
  key.key.dispose();
  throw new KeysteadError(
    'check-mismatch',
    'the data key is not the expected one: its check value differs; the volume was made with another key, or the service has another KEK',
  );
}
