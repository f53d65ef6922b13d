import type { Credentials } from '../core/authenticator.ts';
import type { Principal } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { type NamedAuthenticator, readAdminToken } from './admin-token.ts';
import { local } from './local.ts';

/** Which callers a configuration knows. Throws `no-file` or `bad-config`. */
export async function openAuthenticators(known: {
  readonly dev: boolean;
  readonly adminTokenFile: string | undefined;
}): Promise<NamedAuthenticator[]> {
  if (known.dev) return [{ ...local, id: 'local' }];
  return known.adminTokenFile === undefined ? [] : [await readAdminToken(known.adminTokenFile)];
}

/** Who shows such credentials: the first authenticator that knows. Throws `no-credentials` or `bad-credentials`. */
export async function authenticate(
  authenticators: readonly NamedAuthenticator[],
  credentials: Credentials,
): Promise<Principal> {
  for (const authenticator of authenticators) {
    const principal = await authenticator.authenticate(credentials);
    if (principal !== undefined) return principal;
  }
  if (authenticators.length === 0) {
    throw new KeysteadError(
      'no-credentials',
      'no credentials are configured, so only liveness, readiness and status answer; start the service with an admin token file',
    );
  }
  if (credentials.authorization === undefined) {
    throw new KeysteadError('no-credentials', 'credentials are needed: send "Authorization: Bearer TOKEN"');
  }
  throw new KeysteadError('bad-credentials', 'the credentials were not accepted');
}
