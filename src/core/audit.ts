import type { Listener, Principal } from './call.ts';
import type { KeysteadError, Reason } from './errors.ts';

/** One line of the audit trail. Never a key, a token or a credential (docs/formats/audit.md). */
export interface AuditEvent {
  readonly time: Date;
  readonly auditId: string;
  readonly principal: Principal;
  readonly listener: Listener;
  /** Address of the peer; absent for the service's own work. */
  readonly source?: string | undefined;
  readonly action: string;
  /** The data key's id, or the thing acted on. */
  readonly resource: string;
  readonly outcome: 'ok' | 'denied' | 'failed';
  /** Why, where the outcome is not `ok`. */
  readonly reason?: Reason;
  /** The rule of the policy that allowed or denied it. */
  readonly rule?: string;
  /** Facts worth keeping, such as `version` or `created`. */
  readonly details?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/**
 * A place that audit lines go to.
 *
 * Promises: `write` resolves only when the line is as safe as the sink makes it (handed to the operating system, synced
 * to a disk, taken by a collector), and rejects with `audit-unavailable` when that is not known in time; it never waits
 * longer than its deadline. Lines keep the order of their calls.
 */
export interface AuditSink {
  write(event: AuditEvent): Promise<void>;
  /** For readiness: why no line can be written now, naming the sink; undefined, or absent, when lines can be written. */
  failure?(): KeysteadError | undefined;
  /** How long the oldest line waits already that is not written. */
  lagSeconds?(): number;
  close(): Promise<void>;
}
