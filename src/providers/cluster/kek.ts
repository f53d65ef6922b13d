import type { Call } from '../../core/call.ts';
import type { Random } from '../../core/clock.ts';
import type { Context } from '../../core/context.ts';
import { MAX_ID_LENGTH } from '../../core/data-key-id.ts';
import { Expander, extractPrk, INFO, MIN_MASTER_SECRET_LENGTH, MIN_SALT_LENGTH } from '../../core/derive.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Custody, DerivingKek, Kek, KekInfo, WrappedKey } from '../../core/kek.ts';
import type { SecretBytes } from '../../core/secret-bytes.ts';

const FINGERPRINT_LENGTH = 16;
const INFO_PREFIX = Buffer.from(INFO.dataKey);

/**
 * The cluster's own KEK, made of a master secret and a salt (docs/formats/derivation.md). Sealed until it is given.
 *
 * Promises: HKDF-Extract and the HMAC key schedule are computed once; the master secret itself is not kept; no data
 * key is ever kept.
 */
export class ClusterKek implements Kek, DerivingKek, Custody {
  readonly uri = 'kms://cluster-kms';
  readonly version = 1;
  #open: { readonly expander: Expander; readonly info: KekInfo } | undefined;
  readonly #info = Buffer.alloc(INFO_PREFIX.length + MAX_ID_LENGTH);

  constructor(_deps: { random: Random }) {
    this.#info.set(INFO_PREFIX);
  }

  info(): KekInfo | undefined {
    return this.#open?.info;
  }

  async bootstrap(masterSecret: SecretBytes, salt: SecretBytes): Promise<KekInfo> {
    const opened = openKek(masterSecret, salt);
    if (this.#open === undefined) {
      this.#open = opened;
      return opened.info;
    }
    opened.expander.dispose();
    if (this.#open.info.fingerprint === opened.info.fingerprint) return this.#open.info;
    throw new KeysteadError(
      'kek-exists',
      `the service has another KEK, with fingerprint ${this.#open.info.fingerprint}; nothing was changed`,
    );
  }

  derive(id: string, length: number): SecretBytes {
    const end = INFO_PREFIX.length + this.#info.write(id, INFO_PREFIX.length);
    return this.#opened().expander.expand(this.#info.subarray(0, end), length);
  }

  async wrap(_key: SecretBytes, _context: Context, _call: Call): Promise<WrappedKey> {
    throw new KeysteadError('not-implemented', 'wrapping');
  }

  async unwrap(_wrapped: WrappedKey, _context: Context, _call: Call): Promise<SecretBytes> {
    throw new KeysteadError('not-implemented', 'unwrapping');
  }

  async check(): Promise<void> {
    this.#opened();
  }

  async close(): Promise<void> {
    this.#open?.expander.dispose();
    this.#open = undefined;
  }

  #opened(): { readonly expander: Expander; readonly info: KekInfo } {
    if (this.#open === undefined) {
      throw new KeysteadError('sealed', 'the service has no KEK yet; give it one with POST /v1/system/bootstrap');
    }
    return this.#open;
  }
}

/** Throws `bad-master-secret` or `bad-salt`. */
function openKek(masterSecret: SecretBytes, salt: SecretBytes): { expander: Expander; info: KekInfo } {
  if (masterSecret.length < MIN_MASTER_SECRET_LENGTH) {
    throw new KeysteadError(
      'bad-master-secret',
      `the master secret is ${masterSecret.length} bytes long, at least ${MIN_MASTER_SECRET_LENGTH} are needed (32 advised)`,
    );
  }
  if (salt.length < MIN_SALT_LENGTH) {
    throw new KeysteadError(
      'bad-salt',
      `the salt is ${salt.length} bytes long, at least ${MIN_SALT_LENGTH} are needed`,
    );
  }
  const prk = extractPrk(masterSecret.expose(), salt.expose());
  const expander = new Expander(prk.expose());
  prk.dispose();
  const fingerprint = expander.expand(Buffer.from(INFO.fingerprint), FINGERPRINT_LENGTH);
  return { expander, info: { version: 1, fingerprint: Buffer.from(fingerprint.expose()).toString('hex') } };
}
