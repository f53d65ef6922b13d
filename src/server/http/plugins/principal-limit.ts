import rateLimit, { type CreateRateLimitOptions } from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { assertWithin, principalKey, type Quota, type RateLimits } from '../../../core/rate-limits.ts';

/** Counts a request by its caller, who is known by now. Rejects with `rate-limit`, and leaves for the answer what the caller has left. */
export type CountPrincipal = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** @fastify/rate-limit over the accounts that all transports of the service share. */
export async function openPrincipalLimit(
  app: FastifyInstance,
  limits: RateLimits,
): Promise<CountPrincipal | undefined> {
  const max = limits.limits.principal;
  if (max === 0) return undefined;
  await app.register(rateLimit, { global: false, store: storeOf(limits) as never });
  const keyGenerator = ({ call }: FastifyRequest) => principalKey(call.principal, call.source);
  const take = app.createRateLimit({ max, keyGenerator } as CreateRateLimitOptions);
  return async (request, reply) => {
    const taken = await take(request);
    if (taken.isAllowed) return;
    const { remaining, ttl: resetMs, isExceeded: exceeded } = taken;
    const quota: Quota = { limit: max, remaining, resetMs, exceeded };
    reply.quota = quota;
    assertWithin(quota, 'principal');
  };
}

/** The plugin's form of a store. */
function storeOf(limits: RateLimits) {
  return class Store {
    incr(key: string, done: (error: null, taken: { current: number; ttl: number }) => void): void {
      const { limit, remaining, resetMs, exceeded } = limits.spend('principal', key);
      done(null, { current: exceeded ? limit + 1 : limit - remaining, ttl: resetMs });
    }

    child(): Store {
      return this;
    }
  };
}
