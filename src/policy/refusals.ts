import type { PolicyRequest } from '../core/policy.ts';
import type { CompiledPolicy } from './compile.ts';
import { type Explanation, explain } from './explain.ts';

/** A refusal with its reasons: plain data. */
export interface ExplainedRefusal extends Explanation {
  readonly time: Date;
  readonly principal: PolicyRequest['principal'];
  readonly action: string;
  readonly resource: string;
  readonly scope: PolicyRequest['scope'];
  readonly listener: PolicyRequest['listener'];
  readonly length?: number;
  /** False: the policy that refused is not kept any more, and this is what the present one says. */
  readonly original: boolean;
}

interface Kept {
  readonly auditId: string;
  readonly request: PolicyRequest;
  readonly policy: Held;
}

/** A policy that refusals go by; gone when too many came after it. */
interface Held {
  policy: CompiledPolicy | undefined;
}

/** Refusals of one audit id that are explained at most: a batch has one for many, and callers may choose the id. */
const MAX_EXPLAINED = 100;
/** Policies that refusals are kept with. */
const MAX_POLICIES = 4;

/**
 * The last refusals, so that an administrator can ask for their reasons. Bounded in number and in size: the oldest are
 * forgotten first.
 */
export class Refusals {
  readonly #most: number;
  readonly #mostUnits: number;
  /** In the order of time; a set, so that both ends are cheap. */
  readonly #kept = new Set<Kept>();
  readonly #held: Held[] = [];
  #units = 0;

  constructor(limits: { readonly most?: number; readonly mostUnits?: number } = {}) {
    this.#most = limits.most ?? 10_000;
    this.#mostUnits = limits.mostUnits ?? 16_777_216;
  }

  keep(request: PolicyRequest, auditId: string, policy: CompiledPolicy): void {
    // A copy: the text may be a slice of a long request, which would be kept with it.
    const resource = Buffer.from(request.resource).toString();
    const kept = { auditId, request: { ...request, resource }, policy: this.#hold(policy) };
    this.#kept.add(kept);
    this.#units += unitsOf(kept);
    for (const oldest of this.#kept) {
      if (this.#kept.size <= this.#most && this.#units <= this.#mostUnits) break;
      this.#kept.delete(oldest);
      this.#units -= unitsOf(oldest);
    }
  }

  get size(): number {
    return this.#kept.size;
  }

  /** All that is known of the refusals of an audit id, the oldest first. */
  explain(auditId: string, present: CompiledPolicy): ExplainedRefusal[] {
    const found = [...this.#kept].filter((kept) => kept.auditId === auditId).slice(-MAX_EXPLAINED);
    return found.map(({ request, policy: held }) => {
      const { time, principal, action, resource, scope, listener, length } = request;
      return {
        ...explain(held.policy ?? present, request, `allow-${auditId.slice(0, 8)}`),
        time,
        principal,
        action,
        resource,
        scope,
        listener,
        ...(length === undefined ? {} : { length }),
        original: held.policy !== undefined,
      };
    });
  }

  #hold(policy: CompiledPolicy): Held {
    const last = this.#held.at(-1);
    if (last?.policy === policy) return last;
    const held = { policy };
    this.#held.push(held);
    const first = this.#held.length > MAX_POLICIES ? this.#held.shift() : undefined;
    if (first !== undefined) first.policy = undefined;
    return held;
  }
}

/** About the length of what is kept, in characters. */
function unitsOf({ request }: Kept): number {
  const { principal, resource } = request;
  return 256 + resource.length + principal.name.length + principal.groups.reduce((sum, group) => sum + group.length, 0);
}
