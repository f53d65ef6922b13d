import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Guard } from '../core/guard.ts';
import type { ExplainedRefusal } from './refusals.ts';

/** Why callers were refused, for those who may ask. */
export interface ExplainRefusals {
  /** All refusals of an audit id, the oldest first. Throws `no-refusal` where none is known. */
  explain(auditId: string, call: Call): Promise<ExplainedRefusal[]>;
}

/** @param find looks in every process of the service. */
export function guardedRefusals(deps: {
  guard: Guard;
  find(auditId: string): Promise<ExplainedRefusal[]>;
}): ExplainRefusals {
  return {
    async explain(auditId, call) {
      if (!/^[0-9a-f]{32}$/.test(auditId)) {
        throw new KeysteadError('bad-request', 'an audit id is 32 lower-case hex digits, as the refusal gave it');
      }
      const run = async () => {
        const found = await deps.find(auditId);
        if (found.length > 0) return found.sort((a, b) => a.time.getTime() - b.time.getTime());
        throw new KeysteadError(
          'no-refusal',
          `no refusal with the audit id ${auditId} is known: each service keeps its last ones in memory; the audit trail has them all`,
        );
      };
      return deps.guard.run({ action: 'policy.explain', resource: auditId, run }, call);
    },
  };
}
