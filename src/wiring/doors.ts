import type { Config } from '../config/schema.ts';
import { uriTexts } from '../config/uris.ts';
import { KeysteadError } from '../core/errors.ts';
import { fencedStore } from '../core/fenced-store.ts';
import type { Custody, Kek, MasterSecret } from '../core/kek.ts';
import { ownCall } from '../core/own-call.ts';
import type { CredentialSource } from '../core/roles.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import type { SecretSource } from '../core/secret-reference.ts';
import { type ServiceMode, serviceMode } from '../core/service-mode.ts';
import type { WrappedKeyStore } from '../core/store.ts';
import { disposeSecrets, parseKmsUri, parseStorageUri, resolveSecrets } from '../core/uri.ts';
import type { KmsUri } from '../core/uri-schemas.ts';
import { assertKekIdentity } from '../data-keys/kek-identity.ts';
import type { AcceptKek } from '../providers/cluster/kek.ts';
import { readKekDir } from '../providers/cluster/kek-dir.ts';
import type { KeptCustody } from '../providers/cluster/kept-custody.ts';
import { type KekDeps, type OpenedKek, openKek, openStore } from '../providers/open.ts';
import { openAccessPaths } from './access-paths.ts';
import type { BareAmbient } from './ambient.ts';
import { keptCustody, readKekSecret } from './kek-secret.ts';

/** What both URIs name, opened. */
export interface Doors extends Omit<OpenedKek, 'custody'> {
  readonly custody?: Custody & Partial<Pick<KeptCustody, 'close' | 'report'>>;
  readonly mode: ServiceMode;
  /** KEKs that older records may still be under. */
  readonly former: readonly Kek[];
  readonly store: WrappedKeyStore | undefined;
  readonly access?: CredentialSource | undefined;
}

/** Opens what both URIs name, gives the KEK that is configured, and refuses what can never become ready. */
export async function openDoors(config: Config, ambient: BareAmbient): Promise<Doors> {
  const kms = parseKmsUri(config.kms);
  const storage = parseStorageUri(config.storage);
  let doors: Doors | undefined;
  let access: CredentialSource | undefined;
  try {
    const mode = serviceMode(kms, storage);
    access = await openAccessPaths(config.access.file, ambient);
    const deps = { secrets: ambient.secrets ?? NOWHERE, timeoutMs: config.upstream.timeout, access };
    const bare = await openStore(storage, deps);
    const store = bare && fencedStore(bare, ambient);
    const accept = acceptKek(config, mode === 'wrap' ? store : undefined, ambient);
    const opened = await openKek(withoutSecrets(kms), { ...deps, random: ambient.random, accept });
    doors = { ...opened, mode, store, former: [], access };
    doors = { ...doors, former: await openFormer(config, { ...deps, random: ambient.random }) };
    const given = await kekToStartWith(config, ambient);
    await giveKek(doors.custody, given, ambient);
    if (opened.custody !== undefined && config.kek.secret !== undefined) {
      doors = { ...doors, custody: await keptCustody(opened.custody, config, ambient) };
    }
    await assertUsable(doors, ambient);
    return doors;
  } catch (error) {
    if (doors === undefined) await access?.close();
    else await closeDoors(doors);
    throw error;
  } finally {
    disposeSecrets(kms);
    disposeSecrets(storage);
  }
}

/** The KEKs of `kek.former`. Each is opened when it is asked for a key, so that one that is away stops nothing. */
async function openFormer(config: Config, deps: KekDeps): Promise<Kek[]> {
  const opened: Kek[] = [];
  for (const text of uriTexts(config.kek.former ?? '')) {
    const uri = parseKmsUri(text);
    opened.push((await openKek(uri, deps)).kek);
    disposeSecrets(uri);
  }
  return opened;
}

/** The KEK of the cluster is given by `giveKek`, from wherever it comes: the URI is only one of the places. */
function withoutSecrets(uri: KmsUri): KmsUri {
  if (uri.provider !== 'cluster-kms') return uri;
  const { key: _key, salt: _salt, ...bare } = uri;
  return bare;
}

/**
 * What is missing or refused stays so until somebody mends the configuration, so the service does not start. What is
 * away, or sealed, may come: the service starts and says of itself that it is not ready.
 */
async function assertUsable(doors: Doors, ambient: BareAmbient): Promise<void> {
  for (const door of [doors.store, doors.kek]) {
    try {
      await door?.check(ownCall(ambient));
    } catch (error) {
      const failure = KeysteadError.from(error);
      if (!failure.retryable && failure.reason !== 'sealed') throw failure;
    }
  }
}

export async function closeDoors({ custody, kek, former, store, access }: Doors): Promise<void> {
  await custody?.close?.();
  await kek.close();
  for (const one of former) await one.close();
  await store?.close();
  await access?.close();
}

/**
 * The master secret that the configuration gives: from `kek.dir`, from `kek.secret`, from the URI, or a random one for
 * development. Undefined where none is given; the service is sealed then. The caller disposes it.
 */
export async function readKek(config: Config, ambient: BareAmbient): Promise<MasterSecret | undefined> {
  const { dir, secret } = config.kek;
  const uri = parseKmsUri(config.kms);
  const places = [...(dir === undefined ? [] : ['kek.dir']), ...(secret === undefined ? [] : ['kek.secret'])];
  if (uri.provider !== 'cluster-kms') {
    const [first] = places;
    if (first === undefined) return undefined;
    throw new KeysteadError('bad-config', `${first} is for kms://cluster-kms; kms://${uri.provider} keeps its own key`);
  }
  if (uri.key !== undefined) places.push('the kms URI');
  if (places.length > 1) {
    disposeSecrets(uri);
    throw new KeysteadError('bad-config', `the KEK is given twice: in ${places.join(' and in ')}; give one of them`);
  }
  const { key, salt } = await resolveSecrets(uri, ambient.secrets ?? NOWHERE);
  if (key !== undefined && salt !== undefined) return { masterSecret: key, salt };
  if (dir !== undefined) return readKekDir(dir);
  if (secret !== undefined) return readKekSecret(config, ambient);
  if (!config.dev) return undefined;
  const generated = () => SecretBytes.own(ambient.random.bytes(GENERATED_LENGTH));
  return { masterSecret: generated(), salt: generated() };
}

/** Whether the KEK of this configuration stays when the process ends. */
export function kekIsGiven(config: Config): boolean {
  const uri = parseKmsUri(config.kms);
  const { dir, secret } = config.kek;
  return dir !== undefined || secret !== undefined || uri.provider !== 'cluster-kms' || uri.key !== undefined;
}

const GENERATED_LENGTH = 32;
const NOWHERE: SecretSource = {
  env: {},
  readFile: () => {
    throw new KeysteadError('bad-config', 'references in URIs lead nowhere here');
  },
};

/** What the processes of one service have in common counts; one that joins a sealed service looks for itself. */
async function kekToStartWith(config: Config, ambient: BareAmbient): Promise<MasterSecret | undefined> {
  const { member } = ambient;
  if (member === undefined) return readKek(config, ambient);
  return member.kek ?? (config.kek.secret === undefined ? undefined : readKekSecret(config, ambient));
}

async function giveKek(
  custody: Custody | undefined,
  given: MasterSecret | undefined,
  ambient: BareAmbient,
): Promise<void> {
  if (given === undefined) return;
  try {
    await custody?.bootstrap(given.masterSecret, given.salt, ownCall(ambient));
  } finally {
    given.masterSecret.dispose();
    given.salt.dispose();
  }
}

/**
 * Holds every KEK, given at start or by bootstrap, against the pinned fingerprint and against the store: a KEK that
 * cannot open what is there is refused.
 */
function acceptKek(config: Config, store: WrappedKeyStore | undefined, ambient: BareAmbient): AcceptKek {
  return async ({ fingerprint }, call, claim) => {
    const pinned = config.kek.fingerprint;
    if (pinned !== undefined && fingerprint !== pinned) {
      throw new KeysteadError(
        'fingerprint-mismatch',
        `the KEK has fingerprint ${fingerprint}, and kek.fingerprint asks for ${pinned}; nothing was changed`,
      );
    }
    if (store === undefined) return;
    const { clock } = ambient;
    await assertKekIdentity(
      { store, clock, claim },
      { uri: 'kms://cluster-kms', fingerprint },
      call ?? ownCall(ambient),
    );
  };
}
