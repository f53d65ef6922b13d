import { randomFillSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSmallFile } from '../config/read-small-file.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { SecretSource } from '../core/secret-reference.ts';

/** The system's time. */
export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
};

/** The system's chance. Not randomBytes: that gives memory out of a pool that others use too. */
export const systemRandom: Random = { bytes: (length) => randomFillSync(new Uint8Array(length)) };

/** Bytes: secrets and credential files have some thousands. */
const MAX_SECRET_FILE = 64 * 1024;

/** Follows references into this environment and the real files. */
export function secretSource(env: SecretSource['env']): SecretSource {
  return { env, readFile: (path) => readSmallFile(path, MAX_SECRET_FILE) };
}
