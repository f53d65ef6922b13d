import { open, SEAL_KEY_LENGTH, seal } from '../../core/aead.ts';
import type { Call } from '../../core/call.ts';
import type { Random } from '../../core/clock.ts';
import type { Context } from '../../core/context.ts';
import { assertDataKeyId, MAX_ID_LENGTH } from '../../core/data-key-id.ts';
import { type Expander, INFO, kekFingerprint } from '../../core/derive.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { DerivingKek, HeldCustody, Kek, KekInfo, WrappedKey } from '../../core/kek.ts';
import type { SecretBytes } from '../../core/secret-bytes.ts';
import { openMasterSecret } from './master-secret.ts';

/**
 * Asked before a KEK is taken: throws where it is not the one that belongs to this service.
 *
 * @param claim false: it is only asked about, and nothing is to be written down.
 */
export type AcceptKek = (info: KekInfo, call: Call | undefined, claim: boolean) => Promise<void>;

const WRAP_INFO = Buffer.from(INFO.wrap);
const ID_PREFIX = Buffer.from(INFO.dataKey);
/** AES-256-GCM under a key that HKDF derives from the KEK (docs/formats/wrapped-record.md). */
const ALGORITHM = 'A256GCM-HKDF-SHA256';

interface OpenKek {
  readonly expander: Expander;
  readonly info: KekInfo;
}

/**
 * The cluster's own KEK, made of a master secret and a salt (docs/formats/derivation.md). Sealed until it is given.
 *
 * Promises: HKDF-Extract and the HMAC key schedule are computed once; the master secret itself is not kept; no data
 * key is ever kept. Every version wraps under a name that holds its fingerprint, so another KEK is told from damage.
 */
export class ClusterKek implements Kek, DerivingKek, HeldCustody {
  readonly uri = 'kms://cluster-kms';
  readonly version = 1;
  readonly #random: Random;
  readonly #accept: AcceptKek;
  /** `key-` and room for the longest id: an id is encoded in place, and `derive` never awaits. */
  readonly #info = new Uint8Array(ID_PREFIX.length + MAX_ID_LENGTH);
  readonly #id = Buffer.from(this.#info.buffer, ID_PREFIX.length);
  #open: OpenKek | undefined;
  #suspended: KeysteadError | undefined;

  /** @param deps.accept absent: the first KEK that is given is taken. */
  constructor(deps: { random: Random; accept?: AcceptKek }) {
    this.#random = deps.random;
    this.#accept = deps.accept ?? (async () => {});
    this.#info.set(ID_PREFIX);
  }

  info(): KekInfo | undefined {
    return this.#open?.info;
  }

  async bootstrap(masterSecret: SecretBytes, salt: SecretBytes, call?: Call): Promise<KekInfo> {
    const given = openKek(this.version, masterSecret, salt);
    try {
      this.#refuseOther(given.info);
      await this.#accept(given.info, call, true);
      this.#refuseOther(given.info); // somebody else may have been faster
      if (this.#open === undefined) this.#open = given;
      return given.info;
    } finally {
      if (this.#open !== given) given.expander.dispose();
    }
  }

  async preview(masterSecret: SecretBytes, salt: SecretBytes, call?: Call): Promise<KekInfo> {
    const { info, expander } = openKek(this.version, masterSecret, salt);
    expander.dispose();
    this.#refuseOther(info);
    await this.#accept(info, call, false);
    return info;
  }

  suspend(reason: KeysteadError | undefined): void {
    this.#suspended = reason;
  }

  derive(id: string, length: number): SecretBytes {
    assertDataKeyId(id); // one that does not fit would share its key with its head
    const end = ID_PREFIX.length + this.#id.write(id);
    return this.#opened().expander.expand(this.#info.subarray(0, end), length);
  }

  async wrap(key: SecretBytes, context: Context): Promise<WrappedKey> {
    const kek = this.#opened();
    return withWrapKey(kek, (wrapKey) => ({
      kek: this.uri,
      version: versionName(kek.info),
      algorithm: ALGORITHM,
      bytes: seal(wrapKey, key, context, this.#random),
    }));
  }

  async unwrap(wrapped: WrappedKey, context: Context): Promise<SecretBytes> {
    const kek = this.#opened();
    const here = versionName(kek.info);
    if (wrapped.kek !== this.uri || wrapped.version !== here) {
      throw new KeysteadError(
        'fingerprint-mismatch',
        `the key is wrapped by ${wrapped.kek}, version ${wrapped.version}; the service has ${this.uri}, version ${here}`,
      );
    }
    if (wrapped.algorithm !== ALGORITHM) {
      throw new KeysteadError('record-corrupt', `the key is wrapped with an algorithm that ${this.uri} does not have`);
    }
    return withWrapKey(kek, (wrapKey) => open(wrapKey, wrapped.bytes, context));
  }

  async check(): Promise<void> {
    this.#opened();
  }

  async close(): Promise<void> {
    this.#open?.expander.dispose();
    this.#open = undefined;
  }

  #opened(): OpenKek {
    if (this.#suspended !== undefined) throw this.#suspended;
    if (this.#open === undefined) {
      throw new KeysteadError('sealed', 'the service has no KEK yet; give it one with POST /v1/system/bootstrap');
    }
    return this.#open;
  }

  #refuseOther(given: KekInfo): void {
    const here = this.#open?.info.fingerprint;
    if (here === undefined || here === given.fingerprint) return;
    throw new KeysteadError('kek-exists', `the service has another KEK, with fingerprint ${here}; nothing was changed`);
  }
}

/** Throws `bad-master-secret` or `bad-salt`. */
function openKek(version: number, masterSecret: SecretBytes, salt: SecretBytes): OpenKek {
  const expander = openMasterSecret(masterSecret, salt);
  return { expander, info: { version, fingerprint: kekFingerprint(expander) } };
}

/** What a wrapped key calls the KEK version that wrapped it. */
function versionName(info: KekInfo): string {
  return `${info.version}-${info.fingerprint}`;
}

/** The wrapping key is derived for every use, which costs less than to guard it. */
function withWrapKey<T>(kek: OpenKek, use: (wrapKey: SecretBytes) => T): T {
  const wrapKey = kek.expander.expand(WRAP_INFO, SEAL_KEY_LENGTH);
  try {
    return use(wrapKey);
  } finally {
    wrapKey.dispose();
  }
}
