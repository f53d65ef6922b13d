import { KeysteadError } from '../../core/errors.ts';
import type { KmsUriOf, StorageUriOf } from '../../core/uri-schemas.ts';

/** How a vault wraps a key: with an RSA key, or with an AES key of a Managed HSM. */
export type Algorithm = NonNullable<KmsUriOf<'azure'>['algorithm']>;

/** Each of them runs in the vault. RSA-OAEP is none: the SDK wraps it by itself, so that a disabled key still would. */
export const ALGORITHMS: readonly Algorithm[] = ['RSA-OAEP-256', 'A128KW', 'A192KW', 'A256KW'];

const KEY_ID = /^https:\/\/([^/]+)\/keys\/([^/]+)\/([A-Za-z0-9]{1,64})$/;
const VERSION = /^[A-Za-z0-9]{1,64}$/;

/** What a URI names: a key, and the vault or HSM that it is in. */
export interface KeyName {
  /** For people. */
  readonly text: string;
  /** The vault's own host name, whatever the address. */
  readonly vault: string;
  /** Where calls go. */
  readonly address: string;
  /** The version in a versioned key id, as a vault answers it; undefined for what is no id of this key. */
  versionIn(id: string): string | undefined;
  /**
   * The version that unwraps what was stored with `stored`: a versioned key id, or a version alone, as other tools write
   * it. Throws `context-mismatch` for another key's.
   */
  forUnwrap(stored: string): string;
}

/** Throws `bad-uri` for an endpoint that tokens cannot be sent to. */
export function keyNameOf(uri: KmsUriOf<'azure'>): KeyName {
  const vault = `${uri.vaultName}.${uri.vaultType}`.toLowerCase();
  const address = secureAddress(uri, `https://${vault}`);
  // Ids bear the vault's own name, also where it is reached by another address; an emulator has no other than that.
  const hosts = [vault, new URL(address).host];
  const versionIn = (id: string) => {
    const [, host = '', name = '', version] = KEY_ID.exec(id) ?? [];
    const ours = hosts.includes(host.toLowerCase().replace(/:443$/, '')) && sameName(name, uri.keyName);
    return ours ? version : undefined;
  };
  const text = `key ${uri.keyName} in ${vault}`;
  return {
    text,
    vault,
    address,
    versionIn,
    forUnwrap(stored) {
      const version = VERSION.test(stored) ? stored : versionIn(stored);
      if (version !== undefined) return version;
      throw new KeysteadError('context-mismatch', `the wrapped key was wrapped by ${stored}, which is not ${text}`);
    },
  };
}

/** The algorithm as far as the URI alone says it: a vault that is no HSM has RSA keys only. Throws `bad-uri`. */
export function algorithmSaid({ algorithm, vaultType }: KmsUriOf<'azure'>): Algorithm | undefined {
  if (algorithm === undefined) return vaultType.startsWith('vault.') ? 'RSA-OAEP-256' : undefined;
  if (ALGORITHMS.includes(algorithm)) return algorithm;
  throw new KeysteadError(
    'bad-uri',
    `kms://azure: algorithm ${algorithm} would not run in the vault, so that a disabled key would still wrap; give one of ${ALGORITHMS.join(', ')}`,
  );
}

/** Where calls go: the endpoint of the URI, else the cloud's own address. Throws `bad-uri`. */
export function secureAddress(uri: KmsUriOf<'azure'> | StorageUriOf<'azure'>, cloud: string): string {
  if (uri.endpoint === undefined) return cloud;
  if (uri.endpoint.startsWith('https://')) return uri.endpoint.replace(/\/+$/, '');
  throw new KeysteadError(
    'bad-uri',
    `${uri.scheme}://azure: endpoint must begin with https://, because tokens are never sent in the clear`,
  );
}

/** Azure takes upper and lower case for the same. */
function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
