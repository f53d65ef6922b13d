import { randomUUID } from 'node:crypto';
import type { Call } from './call.ts';
import { KeysteadError } from './errors.ts';
import { JsonFields } from './json-fields.ts';
import type { Stored, WrappedKeyStore } from './store.ts';
import { parseStrictJson } from './strict-json.ts';

/** The one record that proofs write, and that is never deleted: the proof needs no more rights than the service. */
export const PROBE_NAME = 'keystead-probe.json';

const FORMAT = 2;
/** Times that others may change the probe, or an old one may be shown, before the proof gives up. */
const ROUNDS = 5;

/**
 * Proves on the probe record that `create` and `replace` are conditional. Throws `not-supported` for a store that
 * overwrites what it was told to create only if missing, where two first callers would lose a key, or replaces what has
 * changed since it was read, where a rotation would be lost; also for one that does so and denies it.
 *
 * The probe names an etag that it once had. So a stale one is at hand, and a proof leaves nothing written: some stores take
 * one write a second of one record. Who may not replace at all can lose nothing so, and passes. What is there and no probe
 * is `record-corrupt`, and stays.
 */
export async function proveConditionalWrites(store: WrappedKeyStore, call: Call): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const before = (await store.read(PROBE_NAME, call)) ?? (await firstProbe(store, call));
    const stale = staleEtagOf(store, before);
    if (stale === undefined && (await makeStale(store, before, call))) continue;
    if (await obeys(store, { before, stale }, call)) return;
  }
  throw new KeysteadError('store-lagging', `${store.uri} does not show yet what was written to it; ask again`, {
    retryAfter: 1,
  });
}

async function firstProbe(store: WrappedKeyStore, call: Call): Promise<Stored> {
  await store.create(PROBE_NAME, probeBytes(store), call); // false: another process was first
  const probe = await store.read(PROBE_NAME, call);
  if (probe !== undefined) return probe;
  throw new KeysteadError('not-supported', `${store.uri} does not show a record that was just created in it`);
}

/** Writes a probe that names its last etag. False: whoever asks may not replace. */
async function makeStale(store: WrappedKeyStore, { etag }: Stored, call: Call): Promise<boolean> {
  try {
    await store.replace(PROBE_NAME, probeBytes(store, etag), etag, call);
  } catch (error) {
    const { code, reason } = KeysteadError.from(error);
    if (code === 'permission_denied') return false;
    if (reason !== 'stale-etag') throw error; // else another process was first
  }
  return true;
}

/** Whether the probe is still what it was, after all that must not change it. */
async function obeys(
  store: WrappedKeyStore,
  { before, stale }: { readonly before: Stored; readonly stale: string | undefined },
  call: Call,
): Promise<boolean> {
  // Bytes that nobody else writes, so that whose they are is seen.
  const [created, replaced] = [probeBytes(store, stale), probeBytes(store, stale)];
  if (await store.create(PROBE_NAME, created, call)) throw overwrites(store);
  if (stale !== undefined) await mustRefuse(store, replaced, stale, call);
  const after = await store.read(PROBE_NAME, call);
  if (after === undefined || isSame(after.bytes, created)) throw overwrites(store);
  if (isSame(after.bytes, replaced)) throw replaces(store);
  return isSame(after.bytes, before.bytes);
}

async function mustRefuse(store: WrappedKeyStore, bytes: Uint8Array, stale: string, call: Call): Promise<void> {
  try {
    await store.replace(PROBE_NAME, bytes, stale, call);
  } catch (error) {
    const { code, reason } = KeysteadError.from(error);
    if (reason === 'stale-etag' || code === 'permission_denied') return;
    throw error;
  }
  throw replaces(store);
}

function probeBytes(store: WrappedKeyStore, staleEtag?: string): Uint8Array {
  return Buffer.from(
    JSON.stringify({ 'keystead-probe': FORMAT, store: kindOf(store), staleEtag, nonce: randomUUID() }),
  );
}

/** The etags of one kind of store are none of another's, which refuses them unseen; and records may have been copied. */
function kindOf({ uri }: WrappedKeyStore): string {
  return uri.replace(/\?.*$/s, '');
}

/**
 * Undefined for a probe that names none of a store like this one. Throws `record-corrupt` for what is no probe: the record
 * may be another's, where the prefix of one store leads into another, and is not ours to write over.
 */
function staleEtagOf(store: WrappedKeyStore, { bytes, etag }: Stored): string | undefined {
  const foreign = () =>
    new KeysteadError(
      'record-corrupt',
      `the record ${PROBE_NAME} in ${store.uri} is none that the service wrote; where nobody needs it delete it, else give the store another prefix`,
    );
  const fields = new JsonFields(parseStrictJson(bytes, 1, foreign), '', foreign);
  fields.integer('keystead-probe', 1, Number.MAX_SAFE_INTEGER);
  if (!fields.has('staleEtag') || fields.text('store', 100) !== kindOf(store)) return undefined;
  const stale = fields.text('staleEtag', 1024);
  return stale === etag ? undefined : stale;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function overwrites(store: WrappedKeyStore): KeysteadError {
  return new KeysteadError(
    'not-supported',
    `${store.uri} overwrites a record that it was told to create only if missing; two first callers would lose a key, so give another store`,
  );
}

function replaces(store: WrappedKeyStore): KeysteadError {
  return new KeysteadError(
    'not-supported',
    `${store.uri} replaces a record that has changed since it was read; of two changes at once one would be lost, so give another store`,
  );
}
