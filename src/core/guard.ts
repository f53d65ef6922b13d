import type { AuditEvent, AuditSink } from './audit.ts';
import type { Call } from './call.ts';
import type { Clock } from './clock.ts';
import { KeysteadError } from './errors.ts';
import type { Action, Decision, Policy, PolicyRequest } from './policy.ts';

/** What is asked of the policy, besides who asks. */
export interface Asked {
  readonly action: Action;
  /** What the audit line names. */
  readonly resource: string;
  /** What all the ids begin with that the operation reaches; absent: it reaches the one that `resource` names. */
  readonly prefix?: string;
  /** Bytes of the key that is asked for. */
  readonly length?: number;
  /** What the caller binds to the operation. */
  readonly context?: Readonly<Record<string, string>>;
}

/** What the guard must know of an operation besides doing it. */
export interface Guarded<T> extends Asked {
  run(): Promise<T>;
  /** Facts of a good outcome for the audit line; never anything secret. */
  details?(result: T): Readonly<Record<string, string | number | boolean>>;
  /** Wipes a result that must not be handed out after all. */
  discard?(result: T): void;
}

/**
 * policy → operation → audit → answer, for every transport and every room.
 *
 * Promises: nothing runs that the policy does not allow, or while the audit trail is known to fail; no answer leaves
 * before its audit line is written; when the line cannot be written, the result is wiped and the caller gets
 * `audit-unavailable`.
 */
export class Guard {
  readonly #policy: Policy;
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #decided: (request: PolicyRequest, decision: Decision, auditId: string) => void;

  /** @param deps.decided told of every decision, after it was taken. */
  constructor(deps: {
    policy: Policy;
    audit: AuditSink;
    clock: Clock;
    decided?: (request: PolicyRequest, decision: Decision, auditId: string) => void;
  }) {
    this.#policy = deps.policy;
    this.#audit = deps.audit;
    this.#clock = deps.clock;
    this.#decided = deps.decided ?? (() => {});
  }

  /** Undefined when the policy allows it, otherwise what to throw. */
  refusal(asked: Asked, call: Call): { readonly rule: string; readonly error: KeysteadError } | undefined {
    const { allowed, rule } = this.#decide(asked, call);
    return allowed ? undefined : { rule, error: denial(asked, call) };
  }

  #decide({ action, resource, prefix, length, context }: Asked, call: Call): Decision {
    const request: PolicyRequest = {
      principal: call.principal,
      action,
      resource: prefix ?? resource,
      scope: prefix === undefined ? 'id' : 'prefix',
      listener: call.listener,
      time: this.#clock.now(),
      length,
      context,
    };
    const decision = this.#policy.decide(request);
    this.#decided(request, decision, call.traceId);
    return decision;
  }

  async run<T>(operation: Guarded<T>, call: Call): Promise<T> {
    // What cannot be recorded is not begun: a change would stay, and nobody would know of it.
    const failing = this.#audit.failure?.();
    if (failing !== undefined) throw unavailable(failing);
    const { allowed, rule } = this.#decide(operation, call);
    if (!allowed) {
      await this.#write(operation, call, { outcome: 'denied', reason: 'policy', rule });
      throw denial(operation, call);
    }
    let result: T;
    try {
      result = await operation.run();
    } catch (error) {
      const failure = KeysteadError.from(error);
      // An operation may find only while it runs that it needs another right, such as to create.
      const which =
        failure.reason === 'policy' ? ({ outcome: 'denied' } as const) : ({ outcome: 'failed', rule } as const);
      await this.#write(operation, call, { ...which, reason: failure.reason });
      throw failure;
    }
    try {
      await this.#write(operation, call, { outcome: 'ok', rule, details: operation.details?.(result) });
    } catch (error) {
      operation.discard?.(result);
      throw error;
    }
    return result;
  }

  async #write(
    { action, resource }: Asked,
    { principal, traceId, listener, source }: Call,
    outcome: Pick<AuditEvent, 'outcome' | 'reason' | 'rule' | 'details'>,
  ): Promise<void> {
    const time = this.#clock.now();
    try {
      await this.#audit.write({ time, auditId: traceId, principal, listener, source, action, resource, ...outcome });
    } catch (error) {
      throw unavailable(error);
    }
  }
}

function denial({ action }: Asked, { traceId }: Call): KeysteadError {
  return new KeysteadError('policy', `${action} is not permitted; the audit id is ${traceId}`);
}

/** Names the sink where it is known. */
function unavailable(cause: unknown): KeysteadError {
  const why = KeysteadError.from(cause);
  const what = why.reason === 'audit-unavailable' ? why.message : 'the audit record could not be written';
  return new KeysteadError('audit-unavailable', `${what}; nothing was handed out`, { cause });
}
