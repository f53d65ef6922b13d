import type { Principal } from './call.ts';
import type { Reason } from './errors.ts';

/** One line of the audit trail. Never a key, a token or a credential (docs/formats/audit.md). */
export interface AuditEvent {
  readonly time: Date;
  readonly auditId: string;
  readonly principal: Principal;
  readonly listener: string;
  readonly action: string;
  /** The data key's id, or the thing acted on. */
  readonly resource: string;
  readonly outcome: 'ok' | 'denied' | 'failed';
  /** Why, where the outcome is not `ok`. */
  readonly reason?: Reason;
  /** Facts worth keeping, such as `version` or `created`. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * A place that audit lines go to.
 *
 * Promises: `write` resolves only when the line has been handed to the operating system (or better), and rejects when
 * it has not; lines keep the order of their calls.
 */
export interface AuditSink {
  write(event: AuditEvent): Promise<void>;
  /** For readiness: why no line can be written now; undefined, or absent, when lines can be written. */
  failure?(): unknown;
  close(): Promise<void>;
}
