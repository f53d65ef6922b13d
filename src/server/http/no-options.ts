import type { FastifyRequest } from 'fastify';
import { object } from './schemas.ts';
import { strict } from './strict.ts';

/** The body of a call that has nothing to say besides the path: none, or an empty object. */
export const NoOptions = object({}, { examples: [{}] });

const check = strict(NoOptions, 'the body');

/** Throws `bad-request` when there is a body that says anything. */
export function assertNoOptions({ body }: FastifyRequest): void {
  if (body !== undefined) check(body);
}
