import type { Call } from './call.ts';
import { KeysteadError } from './errors.ts';
import type { WrappedKeyStore } from './store.ts';

/** The one record that proofs write, and that is never deleted: the proof needs no more rights than the service. */
export const PROBE_NAME = 'keystead-probe.json';

/**
 * Proves that `create` is conditional, on the probe record: throws `not-supported` for a store that overwrites, or that
 * says "created" for a record that was there. Two first callers would lose a key on such a store.
 */
export async function proveConditionalCreate(store: WrappedKeyStore, call: Call): Promise<void> {
  const before = (await store.read(PROBE_NAME, call))?.bytes ?? (await firstProbe(store, call));
  // Other bytes at every turn, so that an overwritten probe is seen.
  const next = probeBytes(turnOf(before) + 1);
  const created = await store.create(PROBE_NAME, next, call);
  const after = await store.read(PROBE_NAME, call);
  if (created || after === undefined || Buffer.compare(after.bytes, before) !== 0) throw ignoresTheCondition(store);
}

async function firstProbe(store: WrappedKeyStore, call: Call): Promise<Uint8Array> {
  await store.create(PROBE_NAME, probeBytes(1), call); // false: another process was first
  const probe = await store.read(PROBE_NAME, call);
  if (probe === undefined) {
    throw new KeysteadError('not-supported', `${store.uri} does not show a record that was just created in it`);
  }
  return probe.bytes;
}

function probeBytes(turn: number): Uint8Array {
  return Buffer.from(JSON.stringify({ 'keystead-probe': turn }));
}

function turnOf(probe: Uint8Array): number {
  const turn = /^\{"keystead-probe":(\d{1,15})\}$/.exec(Buffer.from(probe).toString('latin1'))?.[1];
  return turn === undefined ? 0 : Number(turn);
}

function ignoresTheCondition(store: WrappedKeyStore): KeysteadError {
  return new KeysteadError(
    'not-supported',
    `${store.uri} overwrites a record that it was told to create only if missing; two first callers would lose a key, so give another store`,
  );
}
