import rateLimit, { type CreateRateLimitOptions } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  assertWithin,
  type Counted,
  principalKey,
  type Quota,
  type RateLimits,
  sourceKey,
} from '../../../core/rate-limits.ts';

/** Counts requests; each throws `rate-limit`, and leaves for the answer what the caller has left. */
export interface RateChecks {
  /** By where it comes from: before anything is done for it. */
  source(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** By its caller, who is known by now. */
  principal(request: FastifyRequest, reply: FastifyReply): Promise<void>;
}

type Check = RateChecks['source'];

/** @fastify/rate-limit over the accounts that all transports of the service share. */
export async function openRateChecks(app: FastifyInstance, limits: RateLimits): Promise<RateChecks> {
  await app.register(rateLimit, { global: false, store: storeOf(limits) as never });
  const check = (counted: Counted, keyOf: (request: FastifyRequest) => string): Check => {
    const max = limits.limits[counted];
    if (max === 0) return async () => {};
    const take = app.createRateLimit({ max, keyGenerator: keyOf, counted } as CreateRateLimitOptions);
    return async (request, reply) => {
      const taken = await take(request);
      if (taken.isAllowed) return;
      const { remaining, ttl: resetMs, isExceeded: exceeded } = taken;
      const quota: Quota = { limit: max, remaining, resetMs, exceeded };
      reply.quota = quota;
      assertWithin(quota, counted);
    };
  };
  return {
    source: check('source', ({ call }) => sourceKey(call.source ?? '')),
    principal: check('principal', ({ call }) => principalKey(call.principal, call.source)),
  };
}

/** The plugin's form of a store; what is counted, it tells to the store of each check. */
function storeOf(limits: RateLimits) {
  return class Store {
    readonly #counted: Counted;

    constructor({ counted = 'source' }: { readonly counted?: Counted }) {
      this.#counted = counted;
    }

    incr(key: string, done: (error: null, taken: { current: number; ttl: number }) => void): void {
      const { limit, remaining, resetMs, exceeded } = limits.spend(this.#counted, key);
      done(null, { current: exceeded ? limit + 1 : limit - remaining, ttl: resetMs });
    }

    child(options: { readonly counted?: Counted }): Store {
      return new Store(options);
    }
  };
}
