import type { KeyManagementServiceClient } from '@google-cloud/kms';
import type { Call } from '../../core/call.ts';
import type { Random } from '../../core/clock.ts';
import { type Context, contextBytes } from '../../core/context.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Kek, WrappedKey } from '../../core/kek.ts';
import { SecretBytes } from '../../core/secret-bytes.ts';
import { UPSTREAM_MS, upstream } from '../../core/upstream.ts';
import { kekUri } from '../../core/uri.ts';
import type { KmsUriOf } from '../../core/uri-schemas.ts';
import { type ClientDeps, type KmsConnection, kmsConnection } from './client.ts';
import { crc32c } from './crc32c.ts';
import { kmsError } from './errors.ts';

/** How a key was wrapped: Cloud KMS Encrypt, the context's canonical bytes as additional authenticated data. */
export const ALGORITHM = 'gcp-kms';

const MAX_CONTEXT_LENGTH = 65_536;
const PROBE_LENGTH = 32;
const PROBE: Context = { keystead: '1', check: 'probe' };
const SYMMETRIC = ['GOOGLE_SYMMETRIC_ENCRYPTION', 'EXTERNAL_SYMMETRIC_ENCRYPTION'];

export interface GcpKekDeps extends ClientDeps {
  readonly random: Random;
}

/** Opens the KEK that a `kms://gcp` URI names. Calls nobody: whether it is there, `check` finds out. */
export async function openGcpKek(uri: KmsUriOf<'gcp'>, deps: GcpKekDeps): Promise<Kek> {
  return new GcpKek(uri, await kmsConnection(uri, deps), deps);
}

/**
 * A CryptoKey of Cloud KMS.
 *
 * Promises beside those of `Kek`: everything sent and answered is compared by CRC-32C, so that a bit that flips on the
 * way is `kms-bad-answer` and never a key; the answer of a wrap is of the key asked for; a plaintext key that comes
 * after its deadline is wiped.
 */
class GcpKek implements Kek {
  readonly uri: string;
  readonly #name: string;
  readonly #connection: KmsConnection;
  readonly #random: Random;
  readonly #timeoutMs: number;

  constructor(uri: KmsUriOf<'gcp'>, connection: KmsConnection, deps: GcpKekDeps) {
    this.uri = kekUri(uri);
    this.#name = `projects/${uri.projectID}/locations/${uri.location}/keyRings/${uri.keyRing}/cryptoKeys/${uri.keyName}`;
    this.#connection = connection;
    this.#random = deps.random;
    this.#timeoutMs = deps.timeoutMs ?? UPSTREAM_MS;
  }

  async wrap(key: SecretBytes, context: Context, call: Call): Promise<WrappedKey> {
    const aad = associatedData(context);
    const [answer] = await this.#ask(call, (client, options) =>
      client.encrypt(
        {
          name: this.#name,
          plaintext: key.expose(),
          plaintextCrc32c: { value: crc32c(key.expose()) },
          additionalAuthenticatedData: aad,
          additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
        },
        options,
      ),
    );
    const bytes = bytesOf(answer.ciphertext);
    this.#mustHold(answer.verifiedPlaintextCrc32c === true, 'did not verify the key it got');
    this.#mustHold(answer.verifiedAdditionalAuthenticatedDataCrc32c === true, 'did not verify the context it got');
    this.#mustHold(matches(answer.ciphertextCrc32c, bytes), 'answered a damaged wrapped key');
    const version = this.#versionIn(answer.name);
    return { kek: this.uri, version, algorithm: ALGORITHM, bytes };
  }

  async unwrap(wrapped: WrappedKey, context: Context, call: Call): Promise<SecretBytes> {
    if (wrapped.algorithm !== ALGORITHM || wrapped.bytes.length === 0) {
      throw new KeysteadError(
        'record-corrupt',
        `${this.#what()}: what is to be unwrapped was not wrapped by Cloud KMS`,
      );
    }
    const aad = associatedData(context);
    const [answer] = await this.#ask(
      call,
      (client, options) =>
        client.decrypt(
          {
            name: this.#name,
            ciphertext: wrapped.bytes,
            ciphertextCrc32c: { value: crc32c(wrapped.bytes) },
            additionalAuthenticatedData: aad,
            additionalAuthenticatedDataCrc32c: { value: crc32c(aad) },
          },
          options,
        ),
      ([late]) => bytesOf(late.plaintext).fill(0),
    );
    const bytes = bytesOf(answer.plaintext);
    try {
      this.#mustHold(matches(answer.plaintextCrc32c, bytes), 'answered a damaged key');
      return SecretBytes.copyOf(bytes);
    } finally {
      bytes.fill(0);
    }
  }

  /**
   * Wraps and unwraps a probe, which proves that the key is there, is for encryption, is enabled and is permitted both
   * ways; and reads the version that wrapped, which says what the key is where the probe does not.
   */
  async check(call: Call): Promise<void> {
    const probe = SecretBytes.own(this.#random.bytes(PROBE_LENGTH));
    try {
      const wrapped = await this.wrap(probe, PROBE, call);
      await this.#checkVersion(wrapped.version, call);
      const again = await this.unwrap(wrapped, PROBE, call);
      const same = again.equals(probe);
      again.dispose();
      this.#mustHold(same, 'unwrapped another key than it wrapped');
    } finally {
      probe.dispose();
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #checkVersion(version: string, call: Call): Promise<void> {
    const name = `${this.#name}/cryptoKeyVersions/${version}`;
    const [{ algorithm, state }] = await this.#ask(call, (client, options) =>
      client.getCryptoKeyVersion({ name }, options),
    );
    if (!SYMMETRIC.includes(String(algorithm))) {
      throw new KeysteadError('wrong-key-type', `${this.#what()}: it is ${algorithm}; name a symmetric key`);
    }
    if (state !== 'ENABLED') throw kmsError({ code: 9, details: `current state is: ${state}` }, this.#what());
  }

  async #ask<T>(call: Call, send: Send<T>, late?: (answer: T) => void): Promise<T> {
    const timeoutMs = this.#timeoutMs;
    try {
      return await upstream(call, {
        timeoutMs,
        timedOut: () =>
          new KeysteadError('kms-timeout', `${this.#what()}: Cloud KMS did not answer within ${timeoutMs} ms`),
        // One attempt: gRPC itself sends again what was never processed, and the caller knows how long it can wait.
        run: async (signal) => send(await this.#connection.ready(), { timeout: timeoutMs, retry: null, signal }),
        ...(late === undefined ? {} : { late }),
      });
    } catch (error) {
      throw kmsError(error, this.#what());
    }
  }

  #versionIn(name: unknown): string {
    const prefix = `${this.#name}/cryptoKeyVersions/`;
    const version = typeof name === 'string' && name.startsWith(prefix) ? name.slice(prefix.length) : '';
    this.#mustHold(/^\d{1,20}$/.test(version), 'answered for another key');
    return version;
  }

  #mustHold(holds: boolean, what: string): void {
    if (!holds) throw new KeysteadError('kms-bad-answer', `${this.#what()}: Cloud KMS ${what}; try again`);
  }

  #what(): string {
    return `kms://gcp: key ${this.#name}`;
  }
}

type Send<T> = (
  client: KeyManagementServiceClient,
  options: { readonly timeout: number; readonly retry: null; readonly signal: AbortSignal },
) => Promise<T>;

/** An empty context is no associated data at all, as tools write that know none. */
function associatedData(context: Context): Uint8Array {
  if (Object.keys(context).length === 0) return new Uint8Array();
  const bytes = contextBytes(context);
  if (bytes.length > MAX_CONTEXT_LENGTH) {
    throw new KeysteadError(
      'bad-request',
      `the context is ${bytes.length} bytes long, Cloud KMS takes at most ${MAX_CONTEXT_LENGTH}`,
    );
  }
  return bytes;
}

/** The SDK's type also allows text, which it never gives for bytes. */
function bytesOf(value: Uint8Array | string | null | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}

/** Int64Value arrives as text, a number or a Long: all print as the number. */
function matches(checksum: { readonly value?: unknown } | null | undefined, bytes: Uint8Array): boolean {
  return checksum?.value !== undefined && checksum.value !== null && String(checksum.value) === String(crc32c(bytes));
}
