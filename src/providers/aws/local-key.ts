import type { Call } from '../../core/call.ts';
import type { Context } from '../../core/context.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { LocalKey } from '../../core/local-key.ts';
import { SecretBytes } from '../../core/secret-bytes.ts';
import { upstream } from '../../core/upstream.ts';
import { type AwsKms, openKms } from './client.ts';
import { awsError } from './errors.ts';
import { readKeyName } from './key-name.ts';

/** Bytes that Decrypt takes. */
const MAX_CIPHERTEXT = 6144;
/** Milliseconds: many calls run at once, and a slow line makes each of them wait. */
const TIMEOUT_MS = 20_000;

export interface LocalKeyPlace {
  /** `alias/…`, an id or an ARN. */
  readonly alias: string;
  readonly region: string;
  readonly timeoutMs?: number;
}

/** Opens the local key of a secrets file in AWS KMS. Throws `sdk-not-installed`. Makes no call to AWS. */
export async function openLocalKey({ alias, region, timeoutMs = TIMEOUT_MS }: LocalKeyPlace): Promise<LocalKey> {
  const kms = await openKms({ region }, timeoutMs);
  return new AwsLocalKey({ alias, region, kms, timeoutMs });
}

/** Context as it is: whoever reads the file elsewhere gives the same. */
class AwsLocalKey implements LocalKey {
  readonly name: string;
  readonly #alias: string;
  readonly #region: string;
  readonly #timeoutMs: number;
  readonly #kms: AwsKms;
  /** Of other regions: a file keeps the key that it was encrypted with. */
  readonly #elsewhere = new Map<string, Promise<AwsKms>>();
  #arn: Promise<string> | undefined;

  constructor(deps: { alias: string; region: string; kms: AwsKms; timeoutMs: number }) {
    this.name = `${deps.alias} in ${deps.region}`;
    this.#alias = deps.alias;
    this.#region = deps.region;
    this.#kms = deps.kms;
    this.#timeoutMs = deps.timeoutMs;
  }

  identify(call: Call): Promise<string> {
    this.#arn ??= this.#describe(call).catch((error: unknown) => {
      // What fails now may be answered the next time.
      this.#arn = undefined;
      throw error;
    });
    return this.#arn;
  }

  async encrypt(key: string, text: SecretBytes, context: Context, call: Call): Promise<Uint8Array> {
    const { sdk, client } = await this.#kmsOf(key);
    const input = { KeyId: key, Plaintext: text.expose(), EncryptionContext: { ...context } };
    const answer = await this.#send(call, `key ${key}`, (signal) =>
      client.send(new sdk.EncryptCommand(input), { abortSignal: signal }),
    );
    if (answer.CiphertextBlob === undefined || (answer.KeyId !== undefined && !readKeyName(key).mayBe(answer.KeyId))) {
      throw new KeysteadError('kms-bad-answer', `key ${key}: Encrypt was answered for ${answer.KeyId}`);
    }
    return answer.CiphertextBlob;
  }

  async decrypt(ciphertext: Uint8Array, context: Context, call: Call): Promise<SecretBytes> {
    if (ciphertext.length === 0 || ciphertext.length > MAX_CIPHERTEXT) {
      throw new KeysteadError('context-mismatch', `AWS KMS never gave a ciphertext of ${ciphertext.length} bytes`);
    }
    const { sdk, client } = this.#kms;
    const input = { CiphertextBlob: ciphertext, EncryptionContext: { ...context } };
    const answer = await this.#send(
      call,
      `AWS KMS in ${this.#region}`,
      (signal) => client.send(new sdk.DecryptCommand(input), { abortSignal: signal }),
      ({ Plaintext }) => Plaintext?.fill(0),
    );
    if (answer.Plaintext === undefined) {
      throw new KeysteadError('kms-bad-answer', `AWS KMS in ${this.#region}: Decrypt was answered without a text`);
    }
    return SecretBytes.own(answer.Plaintext);
  }

  async close(): Promise<void> {
    this.#kms.client.destroy();
    for (const kms of this.#elsewhere.values()) (await kms).client.destroy();
  }

  async #describe(call: Call): Promise<string> {
    const { sdk, client } = this.#kms;
    const answer = await this.#send(call, `key ${this.name}`, (signal) =>
      client.send(new sdk.DescribeKeyCommand({ KeyId: this.#alias }), { abortSignal: signal }),
    );
    const arn = answer.KeyMetadata?.Arn;
    if (arn === undefined) throw new KeysteadError('kms-bad-answer', `key ${this.name}: DescribeKey gave no ARN`);
    return arn;
  }

  async #kmsOf(key: string): Promise<AwsKms> {
    const { region = this.#region } = readKeyName(key);
    if (region === this.#region) return this.#kms;
    const known = this.#elsewhere.get(region) ?? openKms({ region }, this.#timeoutMs);
    this.#elsewhere.set(region, known);
    return known;
  }

  #send<T>(call: Call, name: string, run: (signal: AbortSignal) => Promise<T>, late?: (value: T) => void): Promise<T> {
    return upstream(call, {
      timeoutMs: this.#timeoutMs,
      timedOut: () => new KeysteadError('kms-timeout', `${name}: AWS KMS did not answer in ${this.#timeoutMs} ms`),
      run,
      errorOf: (error) => awsError(error, { side: 'kms', name }),
      ...(late === undefined ? {} : { late }),
    });
  }
}
