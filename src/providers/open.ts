import type { Random } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { DerivingKek, HeldCustody, Kek } from '../core/kek.ts';
import type { KeyAdmin } from '../core/key-admin.ts';
import type { LocalKey } from '../core/local-key.ts';
import type { ParameterStore } from '../core/parameters.ts';
import type { CredentialSource, RoleAssumer } from '../core/roles.ts';
import type { SecretSource } from '../core/secret-reference.ts';
import type { WrappedKeyStore } from '../core/store.ts';
import type {
  KmsProvider,
  KmsUriOf,
  ParametersProvider,
  ParametersUriOf,
  StorageProvider,
  StorageUriOf,
} from '../core/uri-schemas.ts';
import type { AwsPlace } from './aws/place.ts';
import type { AcceptKek } from './cluster/kek.ts';

/** A KEK behind its door, and what this KMS can do besides. */
export interface OpenedKek {
  readonly kek: Kek;
  /** Where data keys can be derived from the KEK. */
  readonly deriving?: DerivingKek & Pick<Kek, 'uri' | 'check'>;
  /** Where people bring the KEK. */
  readonly custody?: HeldCustody;
}

export interface KekDeps {
  readonly random: Random;
  /** Where the URI's references lead. */
  readonly secrets: SecretSource;
  /** What access=NAME means; absent: nothing. */
  readonly access?: CredentialSource | undefined;
  /** Milliseconds that one call to a cloud may take; 5 s when absent. */
  readonly timeoutMs?: number;
  /** Asked before a KEK that people bring is taken; absent: the first one is. */
  readonly accept?: AcceptKek;
}

/** Opens the door that a URI names. A door that nobody asks for is not loaded. The caller closes the KEK. */
export function openKek<P extends KmsProvider>(uri: KmsUriOf<P>, deps: KekDeps): Promise<OpenedKek> {
  const open: KekDoors[P] = KEKS[uri.provider];
  return open(uri, deps);
}

/** As `openKek`; undefined for `storage://no-store`, which keeps nothing. */
export function openStore<P extends StorageProvider>(
  uri: StorageUriOf<P>,
  deps: StoreDeps,
): Promise<WrappedKeyStore | undefined> {
  const open: StoreDoors[P] = STORES[uri.provider];
  return open(uri, deps);
}

/** As `openKek`, to look after keys where the URI's key is. Throws `not-supported` for a KEK that no KMS keeps. */
export function openKeyAdmin<P extends KmsProvider>(uri: KmsUriOf<P>, deps: KeyAdminDeps): Promise<KeyAdmin> {
  const open: KeyAdminDoors[P] = KEY_ADMINS[uri.provider];
  return open(uri, deps);
}

export interface KeyAdminDeps extends StoreDeps {
  /** Whether keys get a tag by which Keystead finds them again, where the provider needs one; true when absent. */
  readonly marks?: boolean;
}

/** Where the security token service is, and who asks it. */
export type StsPlace = AwsPlace;

/** Opens AWS's security token service. Throws `sdk-not-installed`. Makes no call; the caller closes it. */
export async function openRoleAssumer(place: StsPlace): Promise<RoleAssumer> {
  return (await import('./aws/sts.ts')).openSts(place);
}

/** Opens the key that encrypts a secrets file's values one by one: only AWS KMS has such. The caller closes it. */
export async function openLocalKey(place: { readonly alias: string; readonly region: string }): Promise<LocalKey> {
  return (await import('./aws/local-key.ts')).openLocalKey(place);
}

/** As `openKek`: where the values of a secrets file go. */
export function openParameters<P extends ParametersProvider>(
  uri: ParametersUriOf<P>,
  deps: StoreDeps,
): Promise<ParameterStore> {
  const open: ParametersDoors[P] = PARAMETERS[uri.provider];
  return open(uri, deps);
}

/** What stores behind a cloud's door need. */
export interface StoreDeps {
  /** Where the URI's references lead. */
  readonly secrets: SecretSource;
  /** What access=NAME means; absent: nothing. */
  readonly access?: CredentialSource | undefined;
  /** Milliseconds that one call to a cloud may take; 5 s when absent. */
  readonly timeoutMs?: number;
}

type KekDoors = { readonly [P in KmsProvider]: (uri: KmsUriOf<P>, deps: KekDeps) => Promise<OpenedKek> };
type StoreDoors = {
  readonly [P in StorageProvider]: (uri: StorageUriOf<P>, deps: StoreDeps) => Promise<WrappedKeyStore | undefined>;
};
type KeyAdminDoors = { readonly [P in KmsProvider]: (uri: KmsUriOf<P>, deps: KeyAdminDeps) => Promise<KeyAdmin> };
type ParametersDoors = {
  readonly [P in ParametersProvider]: (uri: ParametersUriOf<P>, deps: StoreDeps) => Promise<ParameterStore>;
};

// Exhaustive: a provider without a row does not compile. Doors by `import()` only: each cloud's SDK costs up to half a
// second and 40 MB at import.
const KEKS: KekDoors = {
  'cluster-kms': openCluster,
  aws: async (uri, deps) => ({ kek: await (await import('./aws/kek.ts')).openAwsKek(uri, deps) }),
  gcp: async (uri, deps) => ({ kek: await (await import('./gcp/kek.ts')).openGcpKek(uri, deps) }),
  azure: async (uri, deps) => ({ kek: await (await import('./azure/kek.ts')).openAzureKek(uri, deps) }),
};

const STORES: StoreDoors = {
  'no-store': async () => undefined,
  memory: async () => (await import('./memory/store.ts')).memoryStore(),
  aws: async (uri, deps) => (await import('./aws/s3-store.ts')).openS3Store(uri, deps),
  gcp: async (uri, deps) => (await import('./gcp/gcs-store.ts')).openGcsStore(uri, deps),
  azure: async (uri, deps) => (await import('./azure/blob-store.ts')).openBlobStore(uri, deps),
};

const KEY_ADMINS: KeyAdminDoors = {
  'cluster-kms': async () => {
    throw new KeysteadError('not-supported', 'kms://cluster-kms: people bring this KEK; see keystead kek');
  },
  aws: async (uri, deps) => (await import('./aws/key-admin.ts')).openAwsKeyAdmin(uri, deps),
  gcp: async (uri, deps) => (await import('./gcp/key-admin.ts')).openGcpKeyAdmin(uri, deps),
  azure: async (uri, deps) => (await import('./azure/key-admin.ts')).openAzureKeyAdmin(uri, deps),
};

const PARAMETERS: ParametersDoors = {
  memory: async () => (await import('./memory/parameters.ts')).memoryParameters(),
  aws: async (uri, deps) => (await import('./aws/ssm-parameters.ts')).openSsmParameters(uri, deps),
  kubernetes: async (uri, { secrets }) =>
    (await import('./kubernetes/secret-parameters.ts')).openSecretParameters(uri, {
      readFile: async (path) => Buffer.from(await secrets.readFile(path)),
    }),
  dotenv: async (uri) => (await import('./dotenv/parameters.ts')).openDotenvParameters(uri),
};

async function openCluster(uri: KmsUriOf<'cluster-kms'>, deps: KekDeps): Promise<OpenedKek> {
  const { ClusterKek } = await import('./cluster/kek.ts');
  const { resolveSecrets } = await import('../core/uri.ts'); // not for who opens something without a URI
  const { key, salt } = await resolveSecrets(uri, deps.secrets);
  const kek = new ClusterKek(deps);
  try {
    if ((key === undefined) !== (salt === undefined)) {
      throw new KeysteadError('bad-uri', `${kek.uri}: key and salt are given together or not at all`);
    }
    if (key !== undefined && salt !== undefined) await kek.bootstrap(key, salt);
    return { kek, deriving: kek, custody: kek };
  } finally {
    key?.dispose();
    salt?.dispose();
  }
}
