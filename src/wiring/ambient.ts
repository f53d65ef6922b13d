import type { Writable } from 'node:stream';
import { openAudit } from '../audit/open-audit.ts';
import { readSmallFile } from '../config/read-small-file.ts';
import type { Config } from '../config/schema.ts';
import type { AuditSink } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Custody, MasterSecret } from '../core/kek.ts';
import type { SecretSource } from '../core/secret-reference.ts';
import type { ExplainedRefusal } from '../policy/refusals.ts';
import { type Metrics, openMetrics } from '../telemetry/metrics.ts';
import { openTracing, type Tracing } from '../telemetry/tracing.ts';
import { packageVersion } from '../version.ts';
import type { InForce } from './in-force.ts';
import { secretSource, systemClock, systemRandom } from './system.ts';

export type { MasterSecret } from '../core/kek.ts';

/** What the house takes from outside: tests bring their own. */
export interface Ambient {
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditSink;
  readonly metrics: Metrics;
  /** Absent: nobody collects spans. */
  readonly tracing?: Tracing | undefined;
  readonly version: string;
  /** Where the house tells what becomes of files that it watches; absent: nowhere. */
  readonly log?: HouseLog;
  /** Where references in URIs lead; absent: nowhere. */
  readonly secrets?: SecretSource;
  /**
   * Reads a file that is read anew on a reload. One of several processes is given what the others have read, until all
   * read again.
   */
  readonly readFile: typeof readSmallFile;
  /** One of several processes that are one service; absent: the only one. */
  readonly member?: Member;
}

/** As much of a log as the house needs. */
export interface HouseLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Tells nobody. */
export const NO_LOG: HouseLog = { info() {}, warn() {}, error() {} };

/** What the processes of one service have in common. */
export interface Member {
  /** The KEK that the service has already; nothing is read from the configuration. The house disposes it. */
  readonly kek: MasterSecret | undefined;
  readonly startedAt: Date;
  /** Files as the other processes have them in force. */
  readonly inForce: InForce;
  /** Gives the custody that all of them keep together, made of the one of this process. */
  share(local: Custody): Custody;
  /** Gives who counts refused credentials for all of them, made of what locks a place out in this process. */
  shareLockOut(lock: (place: string, at: number) => void): (place: string) => Promise<void>;
  /** Gives what asks all of them for refusals, made of what knows those of this process. */
  shareRefusals(local: (auditId: string) => ExplainedRefusal[]): (auditId: string) => Promise<ExplainedRefusal[]>;
}

/** What the house takes from outside, but for its audit trail: as much as those need who serve nobody. */
export type BareAmbient = Omit<Ambient, 'audit'>;

/** System clock and randomness, references in URIs followed. */
export function bareAmbient(env: SecretSource['env']): BareAmbient {
  return {
    clock: systemClock,
    random: systemRandom,
    metrics: openMetrics(),
    version: packageVersion(),
    secrets: secretSource(env),
    readFile: readSmallFile,
  };
}

/**
 * The real world, the audit trail opened: from here on lines are written there. `Services.close` closes it. Throws
 * `bad-config`, `no-file`, `cannot-read` or `audit-unavailable`.
 */
export async function systemAmbient(from: {
  audit: Config['audit'];
  stdout: Writable;
  env: SecretSource['env'];
}): Promise<Ambient> {
  const bare = bareAmbient(from.env);
  const tracing = await openTracing(bare.version);
  const audit = await openAudit(from.audit, { ...bare, stdout: from.stdout });
  return { ...bare, audit, tracing };
}
