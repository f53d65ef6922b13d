import type { Credentials } from '../../core/authenticator.ts';
import type { Principal } from '../../core/call.ts';
import { assertWithin } from '../../core/rate-limits.ts';
import type { Services } from '../../wiring.ts';
import { ANY_PATH, type UnaryMethod } from './method.ts';
import { noMethod } from './status.ts';

/**
 * Who calls, where there is room for another call, and neither the source address nor the caller has sent too many. Throws
 * `overloaded`, `rate-limit`, or what `authenticate` throws.
 */
export function admission(
  { authenticate, rateLimits }: Pick<Services, 'authenticate' | 'rateLimits'>,
  assertRoom: () => void,
): (credentials: Credentials) => Promise<Principal> {
  return async (credentials) => {
    const { source } = credentials;
    assertRoom();
    assertWithin(rateLimits?.source(source), 'source');
    const principal = await authenticate(credentials);
    assertWithin(rateLimits?.principal(principal, source), 'principal');
    return principal;
  };
}

/** Stands for every path that no method has: refused, and counted by its source address first, so that to look for methods is not free. */
export function unknownMethod({ rateLimits }: Pick<Services, 'rateLimits'>): UnaryMethod {
  const answer = async () => {
    throw noMethod();
  };
  return {
    path: ANY_PATH,
    limit: 0,
    async admit({ source }) {
      assertWithin(rateLimits?.source(source), 'source');
      return answer();
    },
    answer,
  };
}
