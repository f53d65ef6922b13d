import { randomFillSync } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** W3C Trace Context, version 00: trace id and parent id are not all zeros. */
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
const LENGTH = 16;
/** Trace ids made at once: asking the system for 16 bytes costs as much as asking for 4096. */
const BATCH = 256;

/** Gives each request its trace id: the caller's own, from a valid `traceparent`, else a random one. */
export function traceIds(): (headers: IncomingHttpHeaders) => string {
  const pool = Buffer.alloc(LENGTH * BATCH);
  let at = pool.length;
  return (headers) => {
    const given = headers['traceparent'];
    if (typeof given === 'string') {
      const traceId = TRACEPARENT.exec(given)?.[1];
      if (traceId !== undefined) return traceId;
    }
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    at += LENGTH;
    return pool.toString('hex', at - LENGTH, at);
  };
}
