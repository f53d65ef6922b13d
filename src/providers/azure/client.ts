import type { CryptographyClient, DeletedKey, KeyClient, KeyVaultKey } from '@azure/keyvault-keys';
import type { ContainerClient } from '@azure/storage-blob';
import type { CredentialSource } from '../../core/roles.ts';
import { loadSdk } from '../../core/sdk.ts';
import type { SecretSource } from '../../core/secret-reference.ts';
import type { KmsUriOf, StorageUriOf } from '../../core/uri-schemas.ts';
import { azureCredential } from './credentials.ts';
import { type Algorithm, type KeyName, keyNameOf, secureAddress } from './key-name.ts';
import { VAULT_POLICIES } from './vault-policies.ts';

const USER_AGENT = { userAgentOptions: { userAgentPrefix: 'keystead' } };
/** Tries of one call, the first included: a broken connection or a 500 is worth another, all within one deadline. */
const ATTEMPTS = 3;
const RETRY_DELAY_MS = 50;
const MAX_RETRY_DELAY_MS = 300;
/** Versions of one key whose clients are kept. */
const MAX_VERSIONS = 64;

export interface ClientDeps {
  readonly secrets: SecretSource;
  readonly access?: CredentialSource | undefined;
  /** How long one call may take; 5 s without it. */
  readonly timeoutMs?: number;
}

/** What a wrap or an unwrap gave, and the versioned id of the key that the vault says it used. */
export interface VaultAnswer {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** One key of a Key Vault or a Managed HSM. Every operation takes place there, none in this process. */
export interface VaultKey {
  readonly name: KeyName;
  /** The version that the URI names, else the newest. */
  describe(signal: AbortSignal): Promise<KeyVaultKey>;
  describeDeleted(signal: AbortSignal): Promise<DeletedKey>;
  /** By the version that the URI names, else the newest. */
  wrap(algorithm: Algorithm, key: Uint8Array, signal: AbortSignal): Promise<VaultAnswer>;
  unwrap(version: string, algorithm: Algorithm, wrapped: Uint8Array, signal: AbortSignal): Promise<VaultAnswer>;
}

/** Throws `sdk-not-installed`, `bad-uri` or `no-file`. Makes no call to Azure. */
export async function openVaultKey(uri: KmsUriOf<'azure'>, deps: ClientDeps): Promise<VaultKey> {
  const { sdk, name, credential, options, keys } = await openVault(uri, deps);
  // Not made from an id: the SDK would fetch the key, answer with the version fetched then for ever after, wrap some
  // algorithms locally, and refuse to unwrap with a key that has expired. Of a key without material it knows nothing,
  // and leaves everything to the vault.
  const cryptography = (version: string | undefined) => {
    const id = `${name.address}/keys/${uri.keyName}${version === undefined ? '' : `/${version}`}`;
    const key = { id, name: uri.keyName, properties: { name: uri.keyName, vaultUrl: name.address } };
    return new sdk.CryptographyClient(key, credential, options());
  };
  return vaultKey(uri, name, keys, cryptography);
}

/** A vault or HSM: its keys, and what further clients for it are made with. */
export interface Vault {
  readonly sdk: typeof import('@azure/keyvault-keys');
  readonly name: KeyName;
  readonly keys: KeyClient;
  readonly credential: ConstructorParameters<typeof KeyClient>[1];
  options(): object;
}

/** As `openVaultKey`: the vault that the key of the URI is in. */
export async function openVault(uri: KmsUriOf<'azure'>, deps: ClientDeps): Promise<Vault> {
  const sdk = await loadSdk('@azure/keyvault-keys', () => import('@azure/keyvault-keys'));
  const name = keyNameOf(uri);
  const credential = await azureCredential(uri, name.vault, deps);
  const options = () => ({
    ...USER_AGENT,
    retryOptions: { maxRetries: ATTEMPTS - 1, retryDelayInMs: RETRY_DELAY_MS, maxRetryDelayInMs: MAX_RETRY_DELAY_MS },
    additionalPolicies: VAULT_POLICIES,
    // The vault's domain is checked against the token's audience, unless the address is one's own.
    disableChallengeResourceVerification: uri.endpoint !== undefined,
  });
  return { sdk, name, credential, options, keys: new sdk.KeyClient(name.address, credential, options()) };
}

function vaultKey(
  uri: KmsUriOf<'azure'>,
  name: KeyName,
  keys: KeyClient,
  cryptography: (version: string | undefined) => CryptographyClient,
): VaultKey {
  const wrapper = cryptography(uri.keyVersion);
  const unwrappers = new Map<string, CryptographyClient>();
  const unwrapper = (version: string) => {
    const known = unwrappers.get(version);
    if (known !== undefined) return known;
    if (unwrappers.size >= MAX_VERSIONS) unwrappers.clear();
    const client = cryptography(version);
    unwrappers.set(version, client);
    return client;
  };
  return {
    name,
    describe: (abortSignal) =>
      keys.getKey(uri.keyName, { abortSignal, ...(uri.keyVersion === undefined ? {} : { version: uri.keyVersion }) }),
    describeDeleted: (abortSignal) => keys.getDeletedKey(uri.keyName, { abortSignal }),
    wrap: (algorithm, key, abortSignal) =>
      withId((seen) => wrapper.wrapKey(algorithm, key, { abortSignal, onResponse: seen })),
    unwrap: (version, algorithm, wrapped, abortSignal) =>
      withId((seen) => unwrapper(version).unwrapKey(algorithm, wrapped, { abortSignal, onResponse: seen })),
  };
}

/** The SDK's own `keyID` is the id that it was given, not the one that the vault answers: that is read beside it. */
async function withId(
  send: (seen: (answer: { readonly parsedBody?: unknown }) => void) => Promise<{ readonly result: Uint8Array }>,
): Promise<VaultAnswer> {
  let body: unknown;
  const { result } = await send((answer) => {
    body = answer.parsedBody;
  });
  const { kid } = (body ?? {}) as { readonly kid?: unknown };
  return { id: typeof kid === 'string' ? kid : '', bytes: result };
}

/** As `openVaultKey`. An `endpoint` is the address of the Blob service, with the account in the path for an emulator. */
export async function openContainer(uri: StorageUriOf<'azure'>, deps: ClientDeps): Promise<ContainerClient> {
  const sdk = await loadSdk('@azure/storage-blob', () => import('@azure/storage-blob'));
  const address = secureAddress(uri, `https://${uri.account}.blob.core.windows.net`);
  const credential = await azureCredential(uri, new URL(address).hostname, deps);
  const service = new sdk.BlobServiceClient(address, credential, {
    ...USER_AGENT,
    retryOptions: { maxTries: ATTEMPTS, retryDelayInMs: RETRY_DELAY_MS, maxRetryDelayInMs: MAX_RETRY_DELAY_MS },
  });
  return service.getContainerClient(uri.container);
}
