import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { KeysteadError } from '../../../core/errors.ts';
import type { MemoryLimit } from '../memory-limit.ts';

/** Seconds after which a caller may come again: memory is measured once a second. */
const RETRY_AFTER = 2;

/**
 * @fastify/under-pressure watches the memory of this process. It does not refuse by itself: that is done where every
 * request is admitted, of either transport, so that health and status are answered and refusals are counted.
 *
 * @returns what throws `overloaded` as long as there is too little memory left.
 */
export async function openPressure(app: FastifyInstance, { resident, heap }: MemoryLimit): Promise<() => void> {
  await app.register(underPressure, {
    maxRssBytes: resident,
    maxHeapUsedBytes: heap,
    pressureHandler: () => undefined,
  });
  return () => {
    if (!app.isUnderPressure()) return;
    throw new KeysteadError('overloaded', 'the service has too little memory left; ask again in a moment', {
      retryAfter: RETRY_AFTER,
    });
  };
}
