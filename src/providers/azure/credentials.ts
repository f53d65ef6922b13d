import type { TokenCredential } from '@azure/identity';
import { KeysteadError } from '../../core/errors.ts';
import { accessPathsOf, type CredentialSource } from '../../core/roles.ts';
import { loadSdk } from '../../core/sdk.ts';
import type { SecretSource } from '../../core/secret-reference.ts';
import { UPSTREAM_MS } from '../../core/upstream.ts';
import { resolveSecrets } from '../../core/uri.ts';
import type { KmsUriOf, StorageUriOf } from '../../core/uri-schemas.ts';
import { federatedCredential } from './federated.ts';

type AzureUri = KmsUriOf<'azure'> | StorageUriOf<'azure'>;

/** Of the whole time of a call: what a token may take, so that the error can say that it was the token. */
const TOKEN_SHARE = 0.8;

/** Where tokens come from, by the domain of what they are for. The SDK knows the public cloud by itself. */
const AUTHORITIES = [
  [/\.(azure|chinacloudapi)\.cn$/, 'AzureChina'],
  [/\.usgovcloudapi\.net$/, 'AzureGovernment'],
  [/\.(microsoftazure|cloudapi)\.de$/, 'AzureGermany'],
] as const;

/**
 * The federated credential of the URI's access path; or the client secret of the URI, else the SDK's default credential: environment, workload identity, managed identity,
 * developer tools; `clientID` then names the managed or workload identity. Throws `sdk-not-installed`, `bad-uri`,
 * `no-file` or `bad-config`.
 *
 * Tokens come from the authority of the host's cloud; elsewhere from the one in AZURE_AUTHORITY_HOST, which the SDK
 * reads. With an `endpoint` nobody asks the public cloud whether that authority is one of its own: it would not know
 * those of isolated networks and emulators.
 */
export async function azureCredential(
  uri: AzureUri,
  host: string,
  deps: {
    readonly secrets: SecretSource;
    readonly access?: CredentialSource | undefined;
    readonly timeoutMs?: number;
  },
): Promise<TokenCredential> {
  const sdk = await loadSdk('@azure/identity', () => import('@azure/identity'));
  const cloud = cloudOf(host);
  const options = {
    ...(cloud === undefined ? {} : { authorityHost: sdk.AzureAuthorityHosts[cloud] }),
    disableInstanceDiscovery: uri.endpoint !== undefined,
    userAgentOptions: { userAgentPrefix: 'keystead' },
    retryOptions: { maxRetries: 1, retryDelayInMs: 50, maxRetryDelayInMs: 300 },
  };
  const timeoutMs = (deps.timeoutMs ?? UPSTREAM_MS) * TOKEN_SHARE;
  if (uri.access !== undefined) {
    const access = accessPathsOf(uri, ['tenantID', 'clientID', 'clientSecret'], deps.access).azure(uri.access);
    return bounded(federatedCredential(sdk, access, deps.secrets, options), uri, timeoutMs);
  }
  const { clientSecret } = await resolveSecrets(uri, deps.secrets);
  try {
    const { tenantID, clientID } = uri;
    const credential =
      clientSecret === undefined || tenantID === undefined || clientID === undefined
        ? defaultCredential(uri, () => new sdk.DefaultAzureCredential({ ...options, ...identityOf(uri) }))
        : // The SDK takes strings only: from here on this one cannot be wiped.
          new sdk.ClientSecretCredential(tenantID, clientID, text(clientSecret.expose()), options);
    return bounded(credential, uri, timeoutMs);
  } finally {
    clientSecret?.dispose();
  }
}

/** The cloud of Azure that a host is in, where it is not the public one. */
export function cloudOf(host: string): (typeof AUTHORITIES)[number][1] | undefined {
  return AUTHORITIES.find(([domain]) => domain.test(host))?.[1];
}

function identityOf({ tenantID, clientID }: AzureUri): object {
  return {
    ...(tenantID === undefined ? {} : { tenantId: tenantID }),
    ...(clientID === undefined ? {} : { managedIdentityClientId: clientID, workloadIdentityClientId: clientID }),
  };
}

function defaultCredential(uri: AzureUri, make: () => TokenCredential): TokenCredential {
  try {
    return make();
  } catch (cause) {
    const message = `${uri.scheme}://azure: the default credential cannot be made; check AZURE_TOKEN_CREDENTIALS`;
    throw new KeysteadError('bad-config', message, { cause });
  }
}

/**
 * One request for a token serves all calls that wait for it, so it must not end with the first of them; but it must end,
 * or nobody would ever ask again.
 */
function bounded(credential: TokenCredential, uri: AzureUri, timeoutMs: number): TokenCredential {
  return {
    async getToken(scopes, options) {
      const signal = AbortSignal.timeout(timeoutMs);
      const cut = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(noToken(uri, timeoutMs)), { once: true });
      });
      return Promise.race([cut, credential.getToken(scopes, { ...options, abortSignal: signal })]);
    },
  };
}

function noToken(uri: AzureUri, timeoutMs: number): KeysteadError {
  return new KeysteadError(
    uri.scheme === 'kms' ? 'kms-timeout' : 'store-timeout',
    `${uri.scheme}://azure: no token came within ${timeoutMs} ms; check the way to Microsoft Entra or to the managed identity`,
  );
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
