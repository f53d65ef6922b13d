import type { FastifyReply } from 'fastify';

declare module 'fastify' {
  interface FastifyReply {
    /** Bytes of an answer that hold a key: wiped when the answer is out, or the caller is gone. */
    secret: Buffer | null;
  }
}

/** Headers of every answer: what we say is never to be kept by anybody, nor taken for a page. */
export const BASE_HEADERS = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' } as const;
const BASE = Object.entries(BASE_HEADERS).flat();

/** Sends what holds no secret. */
export function send(reply: FastifyReply, body: string | Buffer, type: string): FastifyReply {
  return reply.headers(BASE_HEADERS).header('content-type', type).send(body);
}

/** Sends JSON that holds no secret. In bytes, since Fastify would add a `charset` that the type does not have. */
export function sendJson(reply: FastifyReply, value: unknown, type = 'application/json'): FastifyReply {
  return send(reply, Buffer.from(JSON.stringify(value)), type);
}

/**
 * Sends bytes that hold a key, and has them wiped afterwards. Past Fastify's own way to answer, which costs a key as
 * much as its derivation: no header set on `reply` and no hook of it counts here.
 *
 * @param more names and values in turn.
 */
export function sendSecret(
  reply: FastifyReply,
  bytes: Buffer,
  type: string,
  more: readonly string[] = [],
): FastifyReply {
  reply.secret = bytes;
  reply.hijack();
  reply.raw.writeHead(200, [...BASE, 'content-type', type, 'content-length', String(bytes.length), ...more]);
  reply.raw.end(bytes);
  return reply;
}
