import type { FastifyReply } from 'fastify';

declare module 'fastify' {
  interface FastifyReply {
    /** Bytes of an answer that hold a key: wiped when the answer is out, or the caller is gone. */
    secret: Buffer | null;
  }
}

/** Headers of every answer: what we say is never to be kept by anybody, nor taken for a page. */
export const BASE_HEADERS = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' } as const;

/** Sends JSON that holds no secret. In bytes, since Fastify would add a `charset` that the type does not have. */
export function sendJson(reply: FastifyReply, value: unknown, type = 'application/json'): FastifyReply {
  return reply.header('content-type', type).send(Buffer.from(JSON.stringify(value)));
}

/** Sends bytes that hold a key, and has them wiped afterwards. */
export function sendSecret(reply: FastifyReply, bytes: Buffer, type: string): FastifyReply {
  reply.secret = bytes;
  return reply.header('content-type', type).send(bytes);
}
