/**
 * The entry point `keystead/testing`: real doors that need nothing outside of the process, for the tests of those who
 * build on Keystead. They keep the contracts that the doors of the clouds keep, and forget everything with the process.
 */
import type { DerivingKek, Kek } from './core/kek.ts';
import { SecretBytes } from './core/secret-bytes.ts';
import { ClusterKek } from './providers/cluster/kek.ts';
import { systemRandom } from './wiring/system.ts';

export type { Call } from './core/call.ts';
export type { Clock, Random } from './core/clock.ts';
export { KeysteadError } from './core/errors.ts';
export type { DerivingKek, Kek, WrappedKey } from './core/kek.ts';
export type { KeyAdmin } from './core/key-admin.ts';
export { ownCall } from './core/own-call.ts';
export type { ParameterStore } from './core/parameters.ts';
export { SecretBytes } from './core/secret-bytes.ts';
export type { WrappedKeyStore } from './core/store.ts';
export { memoryKeyAdmin } from './providers/memory/key-admin.ts';
export { memoryParameters } from './providers/memory/parameters.ts';
export { memoryStore } from './providers/memory/store.ts';
export { systemClock, systemRandom } from './wiring/system.ts';

/** Bytes of the master secret and of the salt. */
const LENGTH = 32;

/** A KEK of random bytes, which wraps, unwraps and derives; no other opens what it wrapped. Close it when done. */
export async function openTestKek(): Promise<Kek & DerivingKek> {
  const kek = new ClusterKek({ random: systemRandom });
  const masterSecret = SecretBytes.own(systemRandom.bytes(LENGTH));
  const salt = SecretBytes.own(systemRandom.bytes(LENGTH));
  try {
    await kek.bootstrap(masterSecret, salt);
    return kek;
  } finally {
    masterSecret.dispose();
    salt.dispose();
  }
}
