import type { Listener, Principal } from './call.ts';

/** What a caller showed, whichever transport carried it. */
export interface Credentials {
  /** The `authorization` header or gRPC metadata entry. */
  readonly authorization?: string;
  /** The client certificate, where the TLS handshake proved it against the client CA. The same object for the same connection. */
  readonly certificate?: ClientCertificate;
  readonly listener: Listener;
  /** Address of the peer, without its port. */
  readonly source?: string;
  /** Of the request, for the audit trail: 32 lower-case hex digits. */
  readonly auditId?: string;
}

/** The names in a client certificate that the TLS handshake has proved. */
export interface ClientCertificate {
  /** URI subject alternative names, as SPIFFE writes them. */
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hex digits. */
  readonly publicKeySha256: string;
  /** A connection may outlive the certificate that it was opened with. */
  readonly notAfter: Date;
}

/**
 * Tells who shows such credentials.
 *
 * Throws `no-credentials` where none were shown, `bad-credentials` where they are wrong, `too-many-requests` where too
 * many wrong ones came from the same source, and an `unavailable` reason where nobody can tell now.
 */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<Principal>;
}
