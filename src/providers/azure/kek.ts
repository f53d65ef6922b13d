import { open, SEAL_KEY_LENGTH, seal } from '../../core/aead.ts';
import type { Call } from '../../core/call.ts';
import type { Random } from '../../core/clock.ts';
import { type Context, dataKeyContext } from '../../core/context.ts';
import { lengthPrefixed, lengthPrefixedParts } from '../../core/encoding.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Kek, WrappedKey } from '../../core/kek.ts';
import { SecretBytes } from '../../core/secret-bytes.ts';
import { UPSTREAM_MS, upstream } from '../../core/upstream.ts';
import { kekUri } from '../../core/uri.ts';
import type { KmsUriOf } from '../../core/uri-schemas.ts';
import { type ClientDeps, openVaultKey, type VaultAnswer, type VaultKey } from './client.ts';
import { kmsError, type VaultOperation } from './errors.ts';
import { ALGORITHMS, type Algorithm, algorithmSaid } from './key-name.ts';
import { algorithmOf, assertUsable } from './key-state.ts';

/** Bytes of the longest wrapped content key: that of an RSA key of 4096 bits, and room. */
const MAX_WRAPPED = 1024;

export interface AzureKekDeps extends ClientDeps {
  readonly random: Random;
}

/** Opens `kms://azure`. Throws what `openVaultKey` throws, and `bad-uri`. Makes no call to Azure. */
export async function openAzureKek(uri: KmsUriOf<'azure'>, deps: AzureKekDeps): Promise<Kek> {
  const algorithm = algorithmSaid(uri);
  return new AzureKek({ uri: kekUri(uri), algorithm, key: await openVaultKey(uri, deps), deps });
}

/**
 * A key of Key Vault or Managed HSM.
 *
 * A vault's wrap has no associated data. So it wraps a fresh content key, and the key is sealed under that with the
 * context (docs/formats/wrapped-record.md). `version` is the versioned key id that the vault answered; exactly that
 * version unwraps.
 *
 * Promises beside those of `Kek`: wrapping and unwrapping take place in the vault, so that a disabled key does neither;
 * a content key that comes after its deadline is wiped.
 * Does not promise, of an RSA key: that the vault wrapped. Its public half is no secret, so whoever can write to the
 * store can put a key of his own there; he cannot read one. Nor that the SDK's copies of a content key are wiped.
 */
class AzureKek implements Kek {
  readonly uri: string;
  readonly #key: VaultKey;
  readonly #random: Random;
  readonly #timeoutMs: number;
  #algorithm: Algorithm | undefined;

  constructor(given: { uri: string; algorithm: Algorithm | undefined; key: VaultKey; deps: AzureKekDeps }) {
    this.uri = given.uri;
    this.#algorithm = given.algorithm;
    this.#key = given.key;
    this.#random = given.deps.random;
    this.#timeoutMs = given.deps.timeoutMs ?? UPSTREAM_MS;
  }

  async wrap(key: SecretBytes, context: Context, call: Call): Promise<WrappedKey> {
    this.#algorithm ??= await this.#fittingAlgorithm(call);
    return this.#wrap(this.#algorithm, key, context, call);
  }

  async unwrap(wrapped: WrappedKey, context: Context, call: Call): Promise<SecretBytes> {
    const version = this.#key.name.forUnwrap(wrapped.version);
    const plain = ALGORITHMS.find((algorithm) => algorithm === wrapped.algorithm);
    // What other tools wrote, which bind nothing; what is ours must not pass for it.
    if (plain !== undefined && Object.keys(context).length === 0) {
      return this.#unwrap(version, plain, wrapped.bytes, call);
    }
    const algorithm = ALGORITHMS.find((algorithm) => sealedBy(algorithm) === wrapped.algorithm);
    const [content, sealed, more] = lengthPrefixedParts(wrapped.bytes) ?? [];
    if (algorithm === undefined) throw this.#corrupt(`cannot have wrapped by ${wrapped.algorithm}`);
    if (content === undefined || sealed === undefined || more !== undefined) {
      throw this.#corrupt('gave no wrapped key that is not made of a content key and a sealed key');
    }
    const contentKey = await this.#unwrap(version, algorithm, content, call);
    try {
      return open(contentKey, sealed, context);
    } finally {
      contentKey.dispose();
    }
  }

  async check(call: Call): Promise<void> {
    const key = await this.#describe(call);
    const algorithm = this.#algorithm ?? algorithmOf(key) ?? 'RSA-OAEP-256';
    assertUsable(key, algorithm, this.#key.name.text);
    this.#algorithm = algorithm;
    const probe = SecretBytes.own(this.#random.bytes(SEAL_KEY_LENGTH));
    let back: SecretBytes | undefined;
    try {
      const context = dataKeyContext('keystead/check', 1, probe.length);
      back = await this.unwrap(await this.#wrap(algorithm, probe, context, call), context, call);
      if (!back.equals(probe)) throw this.#badAnswer('it unwrapped other bytes than were wrapped');
    } finally {
      probe.dispose();
      back?.dispose();
    }
  }

  /** Nothing is held open: connections end by themselves. */
  async close(): Promise<void> {}

  async #wrap(algorithm: Algorithm, key: SecretBytes, context: Context, call: Call): Promise<WrappedKey> {
    const contentKey = SecretBytes.own(this.#random.bytes(SEAL_KEY_LENGTH));
    try {
      const { id, bytes } = await this.#send('wrap', call, (signal) =>
        this.#key.wrap(algorithm, contentKey.expose(), signal),
      );
      if (this.#key.name.versionIn(id) === undefined) throw this.#badAnswer(`wrapKey was answered for ${id}`);
      const sealed = seal(contentKey, key, context, this.#random);
      return { kek: this.uri, version: id, algorithm: sealedBy(algorithm), bytes: lengthPrefixed([bytes, sealed]) };
    } finally {
      contentKey.dispose();
    }
  }

  async #unwrap(version: string, algorithm: Algorithm, wrapped: Uint8Array, call: Call): Promise<SecretBytes> {
    if (wrapped.length === 0 || wrapped.length > MAX_WRAPPED) {
      throw this.#corrupt(`never gave a wrapped key of ${wrapped.length} bytes`);
    }
    const answer = await this.#send(
      'unwrap',
      call,
      (signal) => this.#key.unwrap(version, algorithm, wrapped, signal),
      ({ bytes }: VaultAnswer) => bytes.fill(0),
    );
    const key = SecretBytes.own(answer.bytes);
    if (this.#key.name.versionIn(answer.id) === version && key.length > 0) return key;
    key.dispose();
    throw this.#badAnswer(`unwrapKey was answered for ${answer.id}`);
  }

  async #fittingAlgorithm(call: Call): Promise<Algorithm> {
    const key = await this.#describe(call);
    const algorithm = algorithmOf(key);
    if (algorithm === undefined) assertUsable(key, 'RSA-OAEP-256', this.#key.name.text);
    return algorithm ?? 'RSA-OAEP-256';
  }

  /** A deleted key is as good as none for Azure; but it can be recovered, which is worth saying. */
  async #describe(call: Call) {
    try {
      return await this.#send('describe', call, (signal) => this.#key.describe(signal));
    } catch (error) {
      if (!(error instanceof KeysteadError) || error.reason !== 'no-kek') throw error;
      const deleted = this.#send('describe', call, (signal) => this.#key.describeDeleted(signal));
      await deleted.catch(() => Promise.reject(error));
      throw new KeysteadError(
        'key-pending-deletion',
        `${this.#key.name.text} is deleted; recover it while that is possible`,
      );
    }
  }

  #send<T>(
    operation: VaultOperation,
    call: Call,
    run: (signal: AbortSignal) => Promise<T>,
    late?: (value: T) => void,
  ): Promise<T> {
    const name = this.#key.name.text;
    return upstream(call, {
      timeoutMs: this.#timeoutMs,
      timedOut: () => new KeysteadError('kms-timeout', `${name}: the vault did not answer in ${this.#timeoutMs} ms`),
      run,
      errorOf: (error) => kmsError(error, { name, operation }),
      ...(late === undefined ? {} : { late }),
    });
  }

  #corrupt(what: string): KeysteadError {
    return new KeysteadError('record-corrupt', `${this.#key.name.text} ${what}`);
  }

  #badAnswer(what: string): KeysteadError {
    return new KeysteadError('kms-bad-answer', `${this.#key.name.text}: ${what}; check endpoint`);
  }
}

/** How a key was wrapped, as it is stored: the vault's algorithm for the content key, and the one that seals. */
function sealedBy(algorithm: Algorithm): string {
  return `azure-${algorithm.toLowerCase()}+aes-256-gcm`;
}
