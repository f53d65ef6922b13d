import type { Principal } from './call.ts';

/** What a caller showed, whichever transport carried it. */
export interface Credentials {
  /** The `authorization` header or gRPC metadata entry. */
  readonly authorization?: string;
}

/** Tells who shows such credentials. Undefined: not mine to judge; throws `bad-credentials`: mine, and wrong. */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<Principal | undefined>;
}
