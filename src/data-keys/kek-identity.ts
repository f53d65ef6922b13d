import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import { JsonFields } from '../core/json-fields.ts';
import type { WrappedKeyStore } from '../core/store.ts';
import { parseStrictJson } from '../core/strict-json.ts';
import { within } from '../core/within.ts';

/** The record that says which KEK a store belongs to. No data key's record has this name: theirs are in a folder. */
export const KEK_RECORD_NAME = 'keystead-kek.json';

/** Which KEK it is: nothing of it can be turned back into the KEK. */
export interface KekIdentity {
  /** Credentials removed. */
  readonly uri: string;
  readonly fingerprint: string;
}

const FORMAT = 1;

/**
 * Throws `fingerprint-mismatch` when the store belongs to another KEK: a replica, a restart or a restored backup must
 * not go on with a KEK that cannot open what is there. The first KEK that comes to an empty store becomes its own.
 *
 * @param deps.claim false: an empty store stays empty.
 */
export async function assertKekIdentity(
  deps: { store: WrappedKeyStore; clock: Clock; claim?: boolean },
  kek: KekIdentity,
  call: Call,
): Promise<void> {
  const { store } = deps;
  const read = () => within(call, () => store.read(KEK_RECORD_NAME, call));
  let stored = await read();
  if (stored === undefined) {
    if (deps.claim === false) return;
    const bytes = writeIdentity(kek, deps.clock.now());
    await within(call, () => store.create(KEK_RECORD_NAME, bytes, call)); // false: another process was first
    stored = await read();
  }
  if (stored === undefined) {
    throw new KeysteadError('store-lagging', `${store.uri} does not show yet which KEK it belongs to; try again`);
  }
  const owner = readIdentity(stored.bytes);
  if (owner.uri === kek.uri && owner.fingerprint === kek.fingerprint) return;
  throw new KeysteadError(
    'fingerprint-mismatch',
    `the data keys in ${store.uri} belong to the KEK ${owner.uri} with fingerprint ${owner.fingerprint}, not to ${kek.uri} with fingerprint ${kek.fingerprint}; nothing was changed`,
  );
}

function writeIdentity(kek: KekIdentity, now: Date): Uint8Array {
  const { uri, fingerprint } = kek;
  return Buffer.from(JSON.stringify({ keystead: FORMAT, kek: uri, fingerprint, createdAt: now.toISOString() }));
}

function readIdentity(bytes: Uint8Array): KekIdentity {
  const corrupt = (what: string) =>
    new KeysteadError('record-corrupt', `the record ${KEK_RECORD_NAME} is damaged: it ${what}`);
  const fields = new JsonFields(parseStrictJson(bytes, 1, corrupt), '', corrupt);
  fields.integer('keystead', FORMAT, FORMAT);
  fields.assertOnly(['keystead', 'kek', 'fingerprint', 'createdAt']);
  fields.date('createdAt');
  return { uri: fields.text('kek', 4096), fingerprint: fields.text('fingerprint', 128) };
}
