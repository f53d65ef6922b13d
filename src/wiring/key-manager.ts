import { KeysteadError } from '../core/errors.ts';
import { fencedStore } from '../core/fenced-store.ts';
import type { Kek } from '../core/kek.ts';
import { ownCall } from '../core/own-call.ts';
import type { SecretSource } from '../core/secret-reference.ts';
import type { WrappedKeyStore } from '../core/store.ts';
import { disposeSecrets, parseKmsUri, parseParametersUri, parseStorageUri } from '../core/uri.ts';
import { kekCryptoTool } from '../key-manager/kek-crypto-tool.ts';
import type { KeyRing } from '../key-manager/key-ring.ts';
import type { KeySource } from '../key-manager/key-source.ts';
import type { CryptoTool, StateRepository } from '../key-manager/saved-state.ts';
import { storeStateRepository } from '../key-manager/store-state-repository.ts';
import { storedKeyRing } from '../key-manager/stored-key-ring.ts';
import { parameterSource } from '../key-sources/parameter-source.ts';
import { openKek, openParameters, openStore } from '../providers/open.ts';
import type { AccessPaths } from './access-paths.ts';
import { secretSource, systemClock, systemRandom } from './system.ts';

/** Where a key manager keeps its states and rings, opened. */
export interface KeyManagerStorage {
  readonly stateRepository: StateRepository;
  readonly cryptoTool: CryptoTool;
  /** The ring of one key, for a `RoundTripCipher`. */
  keyRing(keyName: string): KeyRing;
  close(): Promise<void>;
}

/** Milliseconds that a call of a KMS or a store may take. */
const TIMEOUT_MS = 5000;

/**
 * Opens the store of states, and the KEK that seals them, by their URIs (docs/reference/uris.md). A cloud's code is
 * loaded when its URI asks for it.
 *
 * @param options.env where `env://` references and the external ids of an accessor lead.
 * @param options.accessFile what `access=NAME` in a URI means (docs/reference/access.md).
 * Throws `bad-uri`; what is wrong with the access file; `not-supported` for `storage://no-store`; and what the first check of the KEK and of the store throws.
 */
export async function openKeyManagerStorage(options: {
  /** `kms://…` */
  readonly kms: string;
  /** `storage://…` */
  readonly storage: string;
  readonly env?: SecretSource['env'];
  readonly accessFile?: string;
}): Promise<KeyManagerStorage> {
  const secrets = secretSource(options.env ?? {});
  const access = await accessPaths(options.accessFile, secrets);
  const deps = { secrets, timeoutMs: TIMEOUT_MS, access };
  const call = () => ownCall({ random: systemRandom });
  const kms = parseKmsUri(options.kms);
  const storage = parseStorageUri(options.storage);
  let kek: Kek | undefined;
  let store: WrappedKeyStore | undefined;
  async function close(): Promise<void> {
    await kek?.close();
    await store?.close();
    await access?.close();
  }
  try {
    const bare = await openStore(storage, deps);
    if (bare === undefined) throw new KeysteadError('not-supported', `${options.storage} keeps nothing; give a store`);
    store = fencedStore(bare, { clock: systemClock });
    ({ kek } = await openKek(kms, { ...deps, random: systemRandom }));
    await store.check(call());
    await kek.check(call());
    const opened = { kek, store, random: systemRandom, call };
    return {
      stateRepository: storeStateRepository(opened),
      cryptoTool: kekCryptoTool(opened),
      keyRing: (keyName) => storedKeyRing({ ...opened, keyName }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  } finally {
    disposeSecrets(kms);
    disposeSecrets(storage);
  }
}

/**
 * Opens a key in the parameter store of a URI (docs/reference/uris.md). The caller closes it when no key manager uses it.
 *
 * @param options.place as the store names it.
 * @param options.accessFile what `access=NAME` in the URI means.
 * Throws `bad-uri`, and what opening the store throws.
 */
export async function openParameterSource(options: {
  /** `parameters://…` */
  readonly uri: string;
  readonly place: string;
  /** Text when absent. */
  readonly as?: 'bytes' | 'text';
  readonly env?: SecretSource['env'];
  /** Milliseconds between two looks of a watch; 60,000 when absent. */
  readonly interval?: number;
  readonly accessFile?: string;
}): Promise<KeySource & { close(): Promise<void> }> {
  const { place, as, interval } = options;
  const uri = parseParametersUri(options.uri);
  const secrets = secretSource(options.env ?? {});
  let access: AccessPaths | undefined;
  try {
    access = await accessPaths(options.accessFile, secrets);
    const store = await openParameters(uri, { secrets, timeoutMs: TIMEOUT_MS, access });
    const source = parameterSource({
      store,
      place,
      call: () => ownCall({ random: systemRandom }),
      clock: systemClock,
      ...(as === undefined ? {} : { as }),
      ...(interval === undefined ? {} : { interval }),
    });
    return {
      ...source,
      async close() {
        await store.close();
        await access?.close();
      },
    };
  } catch (error) {
    await access?.close();
    throw error;
  } finally {
    disposeSecrets(uri);
  }
}

/** Its code, and what reads the file, are loaded where there is a file. */
async function accessPaths(file: string | undefined, secrets: SecretSource): Promise<AccessPaths | undefined> {
  if (file === undefined) return undefined;
  const { openAccessPaths } = await import('./access-paths.ts');
  return openAccessPaths(file, { clock: systemClock, secrets });
}
