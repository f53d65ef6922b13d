import type { FastifyReply, FastifyRequest } from 'fastify';
import { KeysteadError } from '../../core/errors.ts';

// A store's own etag may hold any character, quotes above all; in HTTP it may not. Percent-encoded it can stand there,
// and no two become one.

/** The etag of a record as the API tells it: without the quotes of the header. */
export function etagText(etag: string): string {
  return encodeURIComponent(etag);
}

/** Says in the header which state of the record the answer tells of; nothing of what has none. */
export function sendEtag(reply: FastifyReply, etag: string | undefined): void {
  if (etag !== undefined) reply.header('etag', `"${etagText(etag)}"`);
}

/** What no store has for an etag. */
const NO_ETAG = '';

/**
 * The etag that `If-Match` names (RFC 9110, section 13.1.1), as the store knows it. What is well-formed and none of
 * ours, a weak one above all, becomes one that no record has. None at all, `*` and lists are `bad-request`: whoever
 * destroys something says which.
 */
export function ifMatch(request: FastifyRequest): string {
  const header = request.raw.headers['if-match'];
  if (header === undefined) {
    throw new KeysteadError('bad-request', 'say which state of the data key is meant: send its ETag in If-Match');
  }
  const [, weak, tag] = /^(W\/)?"([!#-~]*)"$/.exec(header) ?? [];
  if (tag === undefined) {
    throw new KeysteadError('bad-request', 'If-Match must be the one etag that was read, in quotes: If-Match: "etag"');
  }
  return weak === undefined ? decoded(tag) : NO_ETAG;
}

function decoded(tag: string): string {
  try {
    const etag = decodeURIComponent(tag);
    return etagText(etag) === tag ? etag : NO_ETAG;
  } catch {
    return NO_ETAG;
  }
}
