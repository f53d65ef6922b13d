import { KeysteadError } from '../../core/errors.ts';
import { accessPathsOf, type CredentialSource, type GcpAccess } from '../../core/roles.ts';
import type { SecretSource } from '../../core/secret-reference.ts';
import type { KmsUriOf, StorageUriOf } from '../../core/uri-schemas.ts';
import {
  type AccessToken,
  type AuthClient,
  type AuthLibrary,
  authClientOf,
  type CredentialsFile,
  readCredentials,
  SCOPES,
} from './credentials.ts';

const IAM = 'https://iamcredentials.googleapis.com';
/** Seconds that a token lives where the path says nothing: the most without an organisation's leave. */
const LIFETIME = 3600;

/** Who a URI makes of us: the account of a file, and the chain of accounts that begins with it. */
export interface Identity {
  /** Absent: application default credentials. */
  readonly file: CredentialsFile | undefined;
  readonly access: GcpAccess | undefined;
}

/** Reads what a URI says of who asks. Throws `bad-uri`, `no-file`, `cannot-read` or `bad-config`. */
export async function identityOf(
  uri: KmsUriOf<'gcp'> | StorageUriOf<'gcp'>,
  deps: { readonly secrets: SecretSource; readonly access?: CredentialSource | undefined },
): Promise<Identity> {
  const what = `${uri.scheme}://gcp`;
  if (uri.access === undefined) {
    return { file: await readCredentials(uri.credentialsPath, what, deps.secrets), access: undefined };
  }
  const access = accessPathsOf(uri, ['credentialsPath'], deps.access).gcp(uri.access);
  return { file: await readCredentials(access.credentialsPath, `${what}: access=${uri.access}`, deps.secrets), access };
}

/**
 * A client that is whom the URI names; undefined for application default credentials, which the SDK finds by itself.
 *
 * A chain of service accounts is one call: the first one asks for a token of the last one, and those between are its
 * delegates, each of which must be allowed to take the next.
 */
export function clientOf(library: AuthLibrary, { file, access }: Identity, options: object): AuthClient | undefined {
  const own = file === undefined ? undefined : authClientOf(library, file, options);
  if (access === undefined) return own;
  const source = own ?? new library.GoogleAuth({ scopes: SCOPES, clientOptions: options });
  const client = new library.OAuth2Client(options);
  let asking: Promise<AccessToken> | undefined;
  // Asked some minutes before a token's end, and by every call that meets it: one flight for all.
  client.refreshHandler = () => {
    asking ??= tokenOf(access, source).finally(() => {
      asking = undefined;
    });
    return asking;
  };
  return client;
}

async function tokenOf(access: GcpAccess, source: AuthClient): Promise<AccessToken> {
  const [target = '', ...before] = [...access.impersonate].reverse();
  const { data } = await source.request<{ readonly accessToken?: unknown; readonly expireTime?: unknown }>({
    url: `${access.endpoint ?? IAM}/v1/projects/-/serviceAccounts/${target}:generateAccessToken`,
    method: 'POST',
    data: {
      delegates: before.reverse().map((account) => `projects/-/serviceAccounts/${account}`),
      scope: SCOPES,
      lifetime: `${access.lifetimeSeconds ?? LIFETIME}s`,
    },
  });
  const { accessToken, expireTime } = data;
  const end = typeof expireTime === 'string' ? Date.parse(expireTime) : Number.NaN;
  if (typeof accessToken === 'string' && !Number.isNaN(end)) return { access_token: accessToken, expiry_date: end };
  throw new KeysteadError('provider-credentials', `Google Cloud gave no token of ${target}; check endpoint`);
}
