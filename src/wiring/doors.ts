import type { Config } from '../config/schema.ts';
import { uriTexts } from '../config/uris.ts';
import { KeysteadError } from '../core/errors.ts';
import { fencedStore } from '../core/fenced-store.ts';
import type { Custody, Kek } from '../core/kek.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import type { SecretSource } from '../core/secret-reference.ts';
import { type ServiceMode, serviceMode } from '../core/service-mode.ts';
import type { WrappedKeyStore } from '../core/store.ts';
import { disposeSecrets, parseKmsUri, parseStorageUri, resolveSecrets } from '../core/uri.ts';
import type { KmsUri } from '../core/uri-schemas.ts';
import { assertKekIdentity } from '../data-keys/kek-identity.ts';
import type { AcceptKek } from '../providers/cluster/kek.ts';
import { type MasterSecret, readKekDir } from '../providers/cluster/kek-dir.ts';
import { type KekDeps, type OpenedKek, openKek, openStore } from '../providers/open.ts';
import { type BareAmbient, ownCall } from './ambient.ts';

/** What both URIs name, opened. */
export interface Doors extends OpenedKek {
  readonly mode: ServiceMode;
  /** KEKs that older records may still be under. */
  readonly former: readonly Kek[];
  readonly store: WrappedKeyStore | undefined;
}

/** Opens what both URIs name, gives the KEK that is configured, and refuses what can never become ready. */
export async function openDoors(config: Config, ambient: BareAmbient): Promise<Doors> {
  const kms = parseKmsUri(config.kms);
  const storage = parseStorageUri(config.storage);
  let doors: Doors | undefined;
  try {
    const mode = serviceMode(kms, storage);
    const deps = { secrets: ambient.secrets ?? NOWHERE, timeoutMs: config.upstream.timeout };
    const bare = await openStore(storage, deps);
    const store = bare && fencedStore(bare, ambient);
    const accept = acceptKek(config, mode === 'wrap' ? store : undefined, ambient);
    const opened = await openKek(withoutSecrets(kms), { ...deps, random: ambient.random, accept });
    doors = { ...opened, mode, store, former: [] };
    doors = { ...doors, former: await openFormer(config, { ...deps, random: ambient.random }) };
    const given = ambient.member === undefined ? await readKek(config, ambient) : ambient.member.kek;
    await giveKek(doors.custody, given, ambient);
    await assertUsable(doors, ambient);
    return doors;
  } catch (error) {
    if (doors !== undefined) await closeDoors(doors);
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

export async function closeDoors({ kek, former, store }: Pick<Doors, 'kek' | 'former' | 'store'>): Promise<void> {
  await kek.close();
  for (const one of former) await one.close();
  await store?.close();
}

/**
 * The master secret that the configuration gives: from `kek.dir`, from the URI, or a random one for development.
 * Undefined where none is given; the service is sealed then. The caller disposes it.
 */
export async function readKek(config: Config, ambient: BareAmbient): Promise<MasterSecret | undefined> {
  const { dir } = config.kek;
  const uri = parseKmsUri(config.kms);
  if (uri.provider !== 'cluster-kms') {
    if (dir === undefined) return undefined;
    throw new KeysteadError('bad-config', `kek.dir is for kms://cluster-kms; kms://${uri.provider} keeps its own key`);
  }
  const { key, salt } = await resolveSecrets(uri, ambient.secrets ?? NOWHERE);
  if (key !== undefined && salt !== undefined) {
    if (dir === undefined) return { masterSecret: key, salt };
    key.dispose();
    salt.dispose();
    throw new KeysteadError('bad-config', 'the KEK is given twice: in kek.dir and in the kms URI; give one of them');
  }
  if (dir !== undefined) return readKekDir(dir);
  if (!config.dev) return undefined;
  const generated = () => SecretBytes.own(ambient.random.bytes(GENERATED_LENGTH));
  return { masterSecret: generated(), salt: generated() };
}

/** Whether the KEK of this configuration stays when the process ends. */
export function kekIsGiven(config: Config): boolean {
  const uri = parseKmsUri(config.kms);
  return config.kek.dir !== undefined || uri.provider !== 'cluster-kms' || uri.key !== undefined;
}

const GENERATED_LENGTH = 32;
const NOWHERE: SecretSource = {
  env: {},
  readFile: () => {
    throw new KeysteadError('bad-config', 'references in URIs lead nowhere here');
  },
};

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
  return async ({ fingerprint }, call) => {
    const pinned = config.kek.fingerprint;
    if (pinned !== undefined && fingerprint !== pinned) {
      throw new KeysteadError(
        'fingerprint-mismatch',
        `the KEK has fingerprint ${fingerprint}, and kek.fingerprint asks for ${pinned}; nothing was changed`,
      );
    }
    if (store === undefined) return;
    const { clock } = ambient;
    await assertKekIdentity({ store, clock }, { uri: 'kms://cluster-kms', fingerprint }, call ?? ownCall(ambient));
  };
}
