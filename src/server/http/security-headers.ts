import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';

/** Headers of every answer: by name, and as Node's `writeHead` takes them, names and values in turn. */
export interface BaseHeaders {
  readonly named: Readonly<Record<string, string>>;
  readonly flat: readonly string[];
}

/** Seconds that a browser or another client keeps to HTTPS: a year. */
const HSTS = { maxAge: 31_536_000, includeSubDomains: false };

/**
 * What every answer says: never to be kept by anybody, nor taken for a page, nor put into one. Chosen by helmet once,
 * since its headers are the same for all answers of a listener, and a plugin that sets them one by one costs an answer
 * as much as its key. Left out is what only pages need. Strict-Transport-Security counts over TLS alone (RFC 6797,
 * section 7.2).
 */
export function baseHeaders(tls: boolean): BaseHeaders {
  const named: Record<string, string> = { 'cache-control': 'no-store' };
  const collected = {
    setHeader: (name: string, value: string) => {
      named[name.toLowerCase()] = value;
    },
    removeHeader() {},
  };
  const choose = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: tls && HSTS,
    xFrameOptions: { action: 'deny' },
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  });
  choose({} as IncomingMessage, collected as unknown as ServerResponse, () => {});
  return { named, flat: Object.entries(named).flat() };
}
