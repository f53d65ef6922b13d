import { randomFillSync } from 'node:crypto';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { streamAudit } from '../audit/stdout.ts';
import { readSmallFile } from '../config/read-small-file.ts';
import type { AuditSink } from '../core/audit.ts';
import type { Call } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Custody } from '../core/kek.ts';
import type { SecretSource } from '../core/secret-reference.ts';
import type { MasterSecret } from '../providers/cluster/kek-dir.ts';
import { type Metrics, openMetrics } from '../telemetry/metrics.ts';
import { packageVersion } from '../version.ts';

export type { MasterSecret } from '../providers/cluster/kek-dir.ts';

/** What the house takes from outside: tests bring their own. */
export interface Ambient {
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditSink;
  readonly metrics: Metrics;
  readonly version: string;
  /** Where references in URIs lead; absent: nowhere. */
  readonly secrets?: SecretSource;
  /** One of several processes that are one service; absent: the only one. */
  readonly member?: Member;
}

/** What the processes of one service have in common. */
export interface Member {
  /** The KEK that the service has already; nothing is read from the configuration. The house disposes it. */
  readonly kek: MasterSecret | undefined;
  readonly startedAt: Date;
  /** Gives the custody that all of them keep together, made of the one of this process. */
  share(local: Custody): Custody;
}

/** The real world: system clock and randomness, references in URIs followed, the audit trail on a stream. */
export function systemAmbient(from: { stdout: Writable; env: SecretSource['env'] }): Ambient {
  const clock: Clock = { now: () => new Date(), sleep: (ms, signal) => sleep(ms, undefined, { signal }) };
  return {
    clock,
    // Not randomBytes: that gives memory out of a pool that others use too.
    random: { bytes: (length) => randomFillSync(new Uint8Array(length)) },
    audit: streamAudit(from.stdout, { clock }),
    metrics: openMetrics(),
    version: packageVersion(),
    secrets: secretSource(from.env),
  };
}

/** Bytes: secrets and credential files have some thousands. */
const MAX_SECRET_FILE = 64 * 1024;

/** Follows references into this environment and the real files. */
export function secretSource(env: SecretSource['env']): SecretSource {
  return { env, readFile: (path) => readSmallFile(path, MAX_SECRET_FILE) };
}

const OWN_CALL_MS = 15_000;

/** The service's own work, at start. */
export function ownCall({ random }: Pick<Ambient, 'random'>): Call {
  return {
    principal: { kind: 'local', name: 'keystead', groups: [] },
    signal: AbortSignal.timeout(OWN_CALL_MS),
    traceId: Buffer.from(random.bytes(16)).toString('hex'),
    listener: 'internal',
  };
}
