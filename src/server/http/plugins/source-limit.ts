import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertWithin, type RateLimits } from '../../../core/rate-limits.ts';
import type { PeerOf } from '../../peers.ts';

/** Counts a request by where it comes from. Throws `rate-limit`. */
export type CountSource = (request: FastifyRequest, reply: FastifyReply) => void;

/** For requests that no route takes, and so no route counts: to look for routes is not free. */
export function sourceLimit(limits: Pick<RateLimits, 'source'> | undefined, peerOf: PeerOf): CountSource {
  return ({ raw }, reply) => {
    const quota = limits?.source(peerOf(raw.socket).source);
    reply.quota = quota;
    assertWithin(quota, 'source');
  };
}
