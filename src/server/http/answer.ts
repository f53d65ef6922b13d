import type { FastifyReply } from 'fastify';
import type { Quota } from '../../core/rate-limits.ts';
import type { BaseHeaders } from './security-headers.ts';

declare module 'fastify' {
  interface FastifyInstance {
    readonly baseHeaders: BaseHeaders;
  }
  interface FastifyReply {
    /** Bytes of an answer that hold a key: wiped when the answer is out, or the caller is gone. */
    secret: Buffer | null;
    /** What the caller has left; null, or absent where Fastify itself answers: nothing was counted. */
    quota: Quota | null | undefined;
  }
}

/** As draft-ietf-httpapi-ratelimit-headers-03 has them, and most clients know them. */
function quotaHeaders({ limit, remaining, resetMs }: Quota): Record<string, string> {
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(Math.ceil(resetMs / 1000)),
  };
}

/** Sends what holds no secret. */
export function send(reply: FastifyReply, body: string | Buffer, type: string): FastifyReply {
  if (reply.quota) reply.headers(quotaHeaders(reply.quota));
  return reply.headers(reply.server.baseHeaders.named).header('content-type', type).send(body);
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
  const head = [
    ...reply.server.baseHeaders.flat,
    'content-type',
    type,
    'content-length',
    String(bytes.length),
    ...more,
  ];
  if (reply.quota) for (const [name, value] of Object.entries(quotaHeaders(reply.quota))) head.push(name, value);
  reply.raw.writeHead(200, head);
  reply.raw.end(bytes);
  return reply;
}
