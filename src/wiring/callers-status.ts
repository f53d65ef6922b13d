import type { AuthDocument } from '../auth/schema.ts';
import type { AuthenticatorStatus, CallersStatus } from '../system/system.ts';

/** What may be told of an auth file to those who run the service: no token, no hash, no name of a caller. */
export function callersStatus(document: AuthDocument | undefined, adminToken: boolean): CallersStatus {
  return { adminToken, authenticators: (document?.authenticators ?? []).map(authenticatorStatus) };
}

function authenticatorStatus(entry: AuthDocument['authenticators'][number]): AuthenticatorStatus {
  const { name, kind } = entry;
  switch (kind) {
    case 'service-account':
      return { name, kind, issuer: entry.issuer, audiences: entry.audiences, review: entry.review !== undefined };
    case 'oidc':
      return { name, kind, issuer: entry.issuer, audiences: entry.audiences };
    case 'certificate':
      return { name, kind, by: entry.by };
    case 'token':
      return { name, kind, tokens: entry.tokens.length };
    case 'anonymous':
      return { name, kind, listeners: entry.listeners };
  }
}
