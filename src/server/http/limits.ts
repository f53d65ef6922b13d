import type { ServerOptions } from 'node:http';
import { MAX_ID_LENGTH } from '../../core/data-key-id.ts';

/** How long and how much a connection may take before the server ends it. Milliseconds, except where it says so. */
export interface HttpLimits {
  /** From the first byte of a request to the end of its headers. */
  readonly headersTimeout: number;
  /** From the first byte of a request to the end of its body. */
  readonly requestTimeout: number;
  /** How long an idle connection is kept for the next request. */
  readonly keepAliveTimeout: number;
  /** Without any byte in either direction: ends callers that never read their answer. */
  readonly idleTimeout: number;
  /** How often slow requests are looked for: the two first limits are exact to this. */
  readonly checkInterval: number;
  /** Connections at a time, so that a flood leaves file descriptors for the log and the store. */
  readonly maxConnections: number;
}

/**
 * A request is at most 8 MiB and comes from a neighbour, so one that needs 30 seconds is not meant well (slow-loris).
 * Idle connections live longer than the 60 seconds of the usual load balancers, which would otherwise send a request
 * into a connection that is just being closed.
 */
export const DEFAULT_LIMITS: HttpLimits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 72_000,
  idleTimeout: 120_000,
  checkInterval: 1_000,
  maxConnections: 8_192,
};

/** Bytes of a body, for all routes but the batch call. */
export const BODY_LIMIT = 64 * 1024;
/** Bytes: 1000 requests with ids of 4096 bytes, and some room for escapes. */
export const BATCH_BODY_LIMIT = 8 * 1024 * 1024;

/** Characters of a path segment: every byte of an id may be percent-encoded. */
export const MAX_SEGMENT_LENGTH = MAX_ID_LENGTH * 3;
/**
 * Bytes of request line and headers. The longest id takes 12 KiB; one that has so many characters instead of so many
 * bytes takes 48 KiB, and is to be told what is wrong with it.
 */
const MAX_HEADER_SIZE = 64 * 1024;

/** Options of Node's own server. */
export function serverOptions(limits: HttpLimits): ServerOptions {
  return {
    headersTimeout: limits.headersTimeout,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    connectionsCheckingInterval: limits.checkInterval,
    maxHeaderSize: MAX_HEADER_SIZE,
    // A missing Host is refused with a problem document, not with Node's empty answer.
    requireHostHeader: false,
    // Small answers must not wait for the acknowledgement of earlier ones.
    noDelay: true,
  };
}
