import type { Call } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Kek } from '../core/kek.ts';
import { type TokenKey, tokenKey } from '../core/page-token.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import type { Stored, WrappedKeyStore } from '../core/store.ts';
import { within } from '../core/within.ts';
import { isTombstone, type RecordVersion, readRecord, writeRecord } from '../core/wrapped-record.ts';
import { assertNoDataKey } from './own-record.ts';

/** The record with the key of page tokens. No data key's record has this name: theirs are in a folder. */
export const TOKEN_KEY_RECORD_NAME = 'keystead-page-token-key.json';

const ID = 'keystead/page-token-key';
const LENGTH = 32;
/** Not that of a data key: this record does not open under a data key's name, nor a data key's record under this one. */
const CONTEXT: Context = { keystead: '1', use: 'page-token' };

interface Deps {
  readonly kek: Kek;
  readonly store: WrappedKeyStore;
  readonly random: Random;
  readonly clock: Clock;
}

/** The key of page tokens. @param deps.store absent: nothing is stored, hence listed, and a key of this process will do. */
export function openTokenKey(deps: Omit<Deps, 'store'> & { readonly store: WrappedKeyStore | undefined }): TokenKey {
  const { store, random } = deps;
  if (store !== undefined) return storedTokenKey({ ...deps, store });
  return tokenKey(async () => SecretBytes.own(random.bytes(LENGTH)));
}

/**
 * The key of page tokens, random, wrapped by the KEK and kept in the store of the data keys: whoever goes on with a list
 * or a job may meet another process of the service, or the same one after a restart.
 *
 * Promises: opened when the first token is needed, and kept in memory from then on. One that can never be opened again
 * (its KEK is gone, or it is damaged) is replaced: tokens that are under way are refused then, and nothing else is lost.
 * Throws `record-corrupt` where a data key has its name.
 */
function storedTokenKey(deps: Deps): TokenKey {
  return tokenKey((call) => open(deps, call));
}

async function open(deps: Deps, call: Call): Promise<SecretBytes> {
  const found = await read(deps, call);
  const key = found && (await unwrap(deps, found, call));
  if (key !== undefined) return key;
  await write(deps, found, call);
  // What was written may have been another process's: everybody takes the one that is there.
  const written = await read(deps, call);
  const fresh = written && (await unwrap(deps, written, call));
  if (fresh !== undefined) return fresh;
  throw new KeysteadError('store-lagging', `${deps.store.uri} does not show yet what page tokens are signed with`, {
    retryAfter: 1,
  });
}

function read({ store }: Deps, call: Call): Promise<Stored | undefined> {
  return within(call, () => store.read(TOKEN_KEY_RECORD_NAME, call));
}

/** Undefined: nobody will ever open it. */
async function unwrap({ kek }: Deps, found: Stored, call: Call): Promise<SecretBytes | undefined> {
  assertNoDataKey(found, TOKEN_KEY_RECORD_NAME, ID);
  try {
    const record = readRecord(found.bytes, TOKEN_KEY_RECORD_NAME);
    if (isTombstone(record)) return undefined;
    const { wrapped } = record.versions[0];
    return await within(
      call,
      () => kek.unwrap(wrapped, CONTEXT, call),
      (late) => late.dispose(),
    );
  } catch (error) {
    const { code, reason } = KeysteadError.from(error);
    if (code === 'data_loss' || reason === 'fingerprint-mismatch' || reason === 'unknown-kek') return undefined;
    throw error;
  }
}

async function write({ kek, store, random, clock }: Deps, old: Stored | undefined, call: Call): Promise<void> {
  const key = SecretBytes.own(random.bytes(LENGTH));
  try {
    const wrapped = await within(call, () => kek.wrap(key, CONTEXT, call));
    const version: RecordVersion = { version: 1, wrapped, length: LENGTH, createdAt: clock.now() };
    const bytes = writeRecord({ id: ID, versions: [version] });
    await within(call, async () => {
      if (old === undefined) await store.create(TOKEN_KEY_RECORD_NAME, bytes, call);
      else await store.replace(TOKEN_KEY_RECORD_NAME, bytes, old.etag, call);
    });
  } catch (error) {
    // Another process replaced it first, which is as good.
    if (KeysteadError.from(error).reason !== 'stale-etag') throw error;
  } finally {
    key.dispose();
  }
}
