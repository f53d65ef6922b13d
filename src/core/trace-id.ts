import { randomFillSync } from 'node:crypto';

/**
 * W3C Trace Context, version 00: trace id and parent id are not all zeros. Later versions begin like it and may go on
 * ("Versioning of traceparent"); there is none of number ff.
 */
const TRACEPARENT = /^(?!ff|00.{53}-)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
/** Bytes, and hexadecimal digits. */
const LENGTH = 16;
const DIGITS = 32;
/** Trace ids made at once: asking the system for 16 bytes costs as much as asking for 4096. */
const BATCH = 256;

/** Gives each request its trace id: the caller's own, from a valid `traceparent`, else a random one. */
export function traceIds(): (traceparent: unknown) => string {
  const pool = Buffer.alloc(LENGTH * BATCH);
  let digits = '';
  let at = 0;
  return (traceparent) => {
    const given = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
    if (given !== undefined) return given;
    if (at === digits.length) {
      digits = randomFillSync(pool).toString('hex');
      at = 0;
    }
    at += DIGITS;
    return digits.slice(at - DIGITS, at);
  };
}
