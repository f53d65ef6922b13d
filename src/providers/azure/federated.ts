import type { TokenCredential } from '@azure/identity';
import { KeysteadError } from '../../core/errors.ts';
import type { AzureAccess } from '../../core/roles.ts';
import type { SecretSource } from '../../core/secret-reference.ts';
import { unreadable } from '../../core/unreadable.ts';

type IdentitySdk = typeof import('@azure/identity');

/** What a managed identity's token must be for, so that an application takes it for a client assertion. */
const EXCHANGE = 'api://AzureADTokenExchange/.default';

/**
 * An application that trusts somebody else's token (a federated credential), in whatever tenant it is: the token is
 * sent in place of a client secret. It comes from a file, such as a projected ServiceAccount token, read anew each
 * time, or from a managed identity.
 */
export function federatedCredential(
  sdk: IdentitySdk,
  access: AzureAccess,
  secrets: SecretSource,
  options: object,
): TokenCredential {
  const { tenantID, clientID, tokenFile } = access;
  const source = tokenFile === undefined ? managedIdentity(sdk, access, options) : () => read(tokenFile, secrets);
  // The SDK puts its own error in place of one from here, which says what to do.
  let ours: KeysteadError | undefined;
  const assertion = async () => {
    try {
      return await source();
    } catch (error) {
      if (error instanceof KeysteadError) ours = error;
      throw error;
    }
  };
  const credential = new sdk.ClientAssertionCredential(tenantID, clientID, assertion, options);
  return {
    async getToken(scopes, tokenOptions) {
      ours = undefined;
      try {
        return await credential.getToken(scopes, tokenOptions);
      } catch (error) {
        throw ours ?? error;
      }
    },
  };
}

function managedIdentity(sdk: IdentitySdk, { managedIdentity: clientId }: AzureAccess, options: object) {
  const identity = new sdk.ManagedIdentityCredential({ ...options, ...(clientId === undefined ? {} : { clientId }) });
  return async () => {
    const { token } = await identity.getToken(EXCHANGE);
    return token;
  };
}

async function read(path: string, secrets: SecretSource): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await secrets.readFile(path);
  } catch (error) {
    throw unreadable(`the token file ${path}`, error);
  }
  try {
    // The SDK takes strings only: from here on it cannot be wiped.
    const token = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8').trim();
    if (token !== '') return token;
    throw new KeysteadError('bad-config', `the token file ${path} is empty`);
  } finally {
    bytes.fill(0);
  }
}
