import { randomBytes } from 'node:crypto';
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
import { type AwsKms, openKms, type PlaceDeps, placeOf } from './client.ts';
import { encryptionContext } from './encryption-context.ts';
import { awsError } from './errors.ts';
import { type KeyName, readKeyName } from './key-name.ts';

/** Bytes that Encrypt takes. */
const MAX_PLAINTEXT = 4096;
/** Bytes that Decrypt takes. */
const MAX_CIPHERTEXT = 6144;
/** Encrypt with SYMMETRIC_DEFAULT: what is stored is the CiphertextBlob. */
const DIRECT = 'aws-kms';
/** For longer keys: a content key is wrapped, and the key sealed under it (docs/formats/wrapped-record.md). */
const SEALED = 'aws-kms+aes-256-gcm';

/** Opens `kms://aws`. Throws what `placeOf` and `openKms` throw, and `wrong-region`. Makes no call to AWS. */
export async function openAwsKek(
  uri: KmsUriOf<'aws'>,
  deps: PlaceDeps & { readonly random: Random; readonly timeoutMs?: number },
): Promise<Kek> {
  const key = readKeyName(uri.keyName);
  if (key.region !== undefined && uri.region !== undefined && key.region !== uri.region) {
    throw new KeysteadError(
      'wrong-region',
      `the key ${key.text} is not in ${uri.region}; leave region= out of the URI`,
    );
  }
  const place = await placeOf(uri, deps);
  const timeoutMs = deps.timeoutMs ?? UPSTREAM_MS;
  const kms = await openKms(key.region === undefined ? place : { ...place, region: key.region }, timeoutMs);
  // A key's id and an alias mean something in their region only; where the URI leaves it out, the SDK finds it.
  const region = uri.region ?? (await kms.client.config.region().catch(() => undefined));
  const named = kekUri(region === undefined ? uri : { ...uri, region });
  return new AwsKek({ uri: named, key, kms, random: deps.random, timeoutMs });
}

/**
 * A symmetric key in AWS KMS.
 *
 * Promises: the context is bound as the encryption context; `version` is the ARN of the key that wrapped (its backing
 * keys have no names, and AWS finds the right one by itself); Decrypt names the key, so that no other key is used.
 * Does not promise: that the SDK's copies of a key are wiped; it sends base64 in JSON.
 */
class AwsKek implements Kek {
  readonly uri: string;
  readonly #key: KeyName;
  readonly #kms: AwsKms;
  readonly #random: Random;
  readonly #timeoutMs: number;

  constructor(deps: { uri: string; key: KeyName; kms: AwsKms; random: Random; timeoutMs: number }) {
    this.uri = deps.uri;
    this.#key = deps.key;
    this.#kms = deps.kms;
    this.#random = deps.random;
    this.#timeoutMs = deps.timeoutMs;
  }

  async wrap(key: SecretBytes, context: Context, call: Call): Promise<WrappedKey> {
    if (key.length <= MAX_PLAINTEXT) {
      const { arn, bytes } = await this.#encrypt(key, context, call);
      return { kek: this.uri, version: arn, algorithm: DIRECT, bytes };
    }
    const contentKey = SecretBytes.own(this.#random.bytes(SEAL_KEY_LENGTH));
    try {
      const { arn, bytes } = await this.#encrypt(contentKey, context, call);
      const sealed = seal(contentKey, key, context, this.#random);
      return { kek: this.uri, version: arn, algorithm: SEALED, bytes: lengthPrefixed([bytes, sealed]) };
    } finally {
      contentKey.dispose();
    }
  }

  async unwrap(wrapped: WrappedKey, context: Context, call: Call): Promise<SecretBytes> {
    const keyId = this.#key.forDecrypt(wrapped.version);
    if (wrapped.algorithm === DIRECT) return this.#decrypt(wrapped.bytes, keyId, context, call);
    if (wrapped.algorithm !== SEALED) {
      throw new KeysteadError('record-corrupt', `${this.uri} knows ${DIRECT} and ${SEALED}, not ${wrapped.algorithm}`);
    }
    const [bytes, sealed] = twoParts(wrapped.bytes);
    const contentKey = await this.#decrypt(bytes, keyId, context, call);
    try {
      return open(contentKey, sealed, context);
    } finally {
      contentKey.dispose();
    }
  }

  async check(call: Call): Promise<void> {
    const { KeyMetadata: key } = await this.#send(call, (signal) =>
      this.#kms.client.send(new this.#kms.sdk.DescribeKeyCommand({ KeyId: this.#key.text }), { abortSignal: signal }),
    );
    if (key?.KeySpec !== 'SYMMETRIC_DEFAULT' || key.KeyUsage !== 'ENCRYPT_DECRYPT') {
      throw new KeysteadError(
        'wrong-key-type',
        `key ${this.#key.text} is ${key?.KeySpec} for ${key?.KeyUsage}; give one that is SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT`,
      );
    }
    if (key.KeyState === 'PendingDeletion' || key.KeyState === 'PendingReplicaDeletion') {
      throw new KeysteadError('key-pending-deletion', `key ${this.#key.text} is pending deletion; cancel that`);
    }
    if (key.KeyState !== 'Enabled') {
      throw new KeysteadError('key-stopped', `the state of key ${this.#key.text} is ${key.KeyState}; enable it`);
    }
    await this.#proveBothWays(call);
  }

  async close(): Promise<void> {
    this.#kms.client.destroy();
  }

  async #proveBothWays(call: Call): Promise<void> {
    const probe = SecretBytes.own(Uint8Array.from(randomBytes(SEAL_KEY_LENGTH)));
    let back: SecretBytes | undefined;
    try {
      const context = dataKeyContext('keystead/check', 1, probe.length);
      back = await this.unwrap(await this.wrap(probe, context, call), context, call);
      if (!back.equals(probe)) throw this.#badAnswer('it unwrapped other bytes than were wrapped');
    } finally {
      probe.dispose();
      back?.dispose();
    }
  }

  async #encrypt(key: SecretBytes, context: Context, call: Call): Promise<{ arn: string; bytes: Uint8Array }> {
    const { sdk, client } = this.#kms;
    const answer = await this.#send(call, (signal) => {
      const input = {
        KeyId: this.#key.text,
        Plaintext: key.expose(),
        EncryptionContext: encryptionContext(context),
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      } as const;
      return client.send(new sdk.EncryptCommand(input), { abortSignal: signal });
    });
    const { CiphertextBlob: bytes, KeyId: arn } = answer;
    if (bytes === undefined || arn === undefined || !this.#key.mayBe(arn)) {
      throw this.#badAnswer(`Encrypt was answered for ${arn}`);
    }
    return { arn, bytes };
  }

  async #decrypt(bytes: Uint8Array, keyId: string, context: Context, call: Call): Promise<SecretBytes> {
    if (bytes.length === 0 || bytes.length > MAX_CIPHERTEXT) {
      throw new KeysteadError('record-corrupt', `AWS KMS never gave a wrapped key of ${bytes.length} bytes`);
    }
    const { sdk, client } = this.#kms;
    const answer = await this.#send(
      call,
      (signal) => {
        const input = {
          KeyId: keyId,
          CiphertextBlob: bytes,
          EncryptionContext: encryptionContext(context),
          EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        } as const;
        return client.send(new sdk.DecryptCommand(input), { abortSignal: signal });
      },
      ({ Plaintext }) => Plaintext?.fill(0),
    );
    if (answer.Plaintext === undefined) throw this.#badAnswer('Decrypt was answered without a key');
    const key = SecretBytes.own(answer.Plaintext);
    if (answer.KeyId !== undefined && this.#key.mayBe(answer.KeyId)) return key;
    key.dispose();
    throw this.#badAnswer(`Decrypt was answered for ${answer.KeyId}`);
  }

  #send<T>(call: Call, run: (signal: AbortSignal) => Promise<T>, late?: (value: T) => void): Promise<T> {
    const name = `key ${this.#key.text}`;
    return upstream(call, {
      timeoutMs: this.#timeoutMs,
      timedOut: () => new KeysteadError('kms-timeout', `${name}: AWS KMS did not answer in ${this.#timeoutMs} ms`),
      run,
      errorOf: (error) => awsError(error, { side: 'kms', name }),
      ...(late === undefined ? {} : { late }),
    });
  }

  #badAnswer(what: string): KeysteadError {
    return new KeysteadError('kms-bad-answer', `key ${this.#key.text}: ${what}; check endpoint`);
  }
}

/** What `lengthPrefixed` wrote. */
function twoParts(bytes: Uint8Array): [Uint8Array, Uint8Array] {
  const [first, second, ...more] = lengthPrefixedParts(bytes) ?? [];
  if (first === undefined || second === undefined || more.length > 0) {
    throw new KeysteadError('record-corrupt', 'the wrapped key is not made of a content key and a sealed key');
  }
  return [first, second];
}
