import type { AuditSink } from './audit.ts';
import type { Call } from './call.ts';
import type { Clock } from './clock.ts';
import { KeysteadError } from './errors.ts';
import type { Action, Policy } from './policy.ts';

/** What the guard must know of an operation besides doing it. */
export interface Guarded<T> {
  readonly action: Action;
  readonly resource: string;
  run(): Promise<T>;
  /** Facts of a good outcome for the audit line; never anything secret. */
  details?(result: T): Readonly<Record<string, string | number | boolean>>;
  /** Wipes a result that must not be handed out after all. */
  discard?(result: T): void;
}

/**
 * policy → operation → audit → answer, for every transport and every room.
 *
 * Promises: nothing runs that the policy does not allow; no answer leaves before its audit line is written; when the
 * line cannot be written, the result is wiped and the caller gets `audit-unavailable`.
 */
export class Guard {
  readonly #policy: Policy;
  readonly #audit: AuditSink;
  readonly #clock: Clock;

  constructor(deps: { policy: Policy; audit: AuditSink; clock: Clock }) {
    this.#policy = deps.policy;
    this.#audit = deps.audit;
    this.#clock = deps.clock;
  }

  async run<T>(operation: Guarded<T>, call: Call): Promise<T> {
    const decision = this.#policy.decide(call.principal, operation.action, operation.resource);
    if (!decision.allowed) {
      await this.#write(operation, call, { outcome: 'denied', reason: 'policy', details: { rule: decision.rule } });
      throw new KeysteadError('policy', `${operation.action} is not permitted; the audit id is ${call.traceId}`);
    }
    let result: T;
    try {
      result = await operation.run();
    } catch (error) {
      const failure = KeysteadError.from(error);
      await this.#write(operation, call, { outcome: 'failed', reason: failure.reason });
      throw failure;
    }
    try {
      const details = operation.details?.(result);
      await this.#write(operation, call, details === undefined ? { outcome: 'ok' } : { outcome: 'ok', details });
    } catch (error) {
      operation.discard?.(result);
      throw error;
    }
    return result;
  }

  async #write(
    operation: { action: Action; resource: string },
    call: Call,
    outcome: Pick<Parameters<AuditSink['write']>[0], 'outcome' | 'reason' | 'details'>,
  ): Promise<void> {
    try {
      await this.#audit.write({
        time: this.#clock.now(),
        auditId: call.traceId,
        principal: call.principal,
        listener: call.listener,
        action: operation.action,
        resource: operation.resource,
        ...outcome,
      });
    } catch (error) {
      throw new KeysteadError('audit-unavailable', 'the audit record could not be written, so nothing was handed out', {
        cause: error,
      });
    }
  }
}
