import type { KeyManagementServiceClient, protos } from '@google-cloud/kms';
import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import { upstream } from '../../core/upstream.ts';
import type { KmsConnection } from './client.ts';
import { adminError } from './errors.ts';

export type CryptoKey = protos.google.cloud.kms.v1.ICryptoKey;
export type Version = protos.google.cloud.kms.v1.ICryptoKeyVersion;

interface Options {
  readonly timeout: number;
  readonly retry: null;
  readonly autoPaginate?: boolean;
}
type Paged<T> = Promise<readonly [T[] | undefined, { pageToken?: string | null } | null, ...unknown[]]>;

/** Pages of one list at most. */
const MAX_PAGES = 10_000;

/** The calls to Cloud KMS that look after the keys of one ring: each with its deadline and its one error. */
export class KeyCalls {
  readonly ring: string;
  readonly #parent: string;
  readonly #ringId: string;
  readonly #connection: KmsConnection;
  readonly #timeoutMs: number;

  constructor(
    place: { readonly projectID: string; readonly location: string; readonly keyRing: string },
    connection: KmsConnection,
    timeoutMs: number,
  ) {
    this.#parent = `projects/${place.projectID}/locations/${place.location}`;
    this.#ringId = place.keyRing;
    this.ring = `${this.#parent}/keyRings/${place.keyRing}`;
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
  }

  nameOf(key: string): string {
    return `${this.ring}/cryptoKeys/${key}`;
  }

  /** Undefined where there is no such key, or no such ring. */
  async get(key: string, call: Call): Promise<CryptoKey | undefined> {
    const name = this.nameOf(key);
    return this.#ifThere(name, call, async (client, options) => (await client.getCryptoKey({ name }, options))[0]);
  }

  /** Of the whole ring; none where it is not there. */
  async keys(call: Call): Promise<CryptoKey[]> {
    const parent = this.ring;
    const list = this.#pages<CryptoKey>(
      parent,
      call,
      (client, pageToken, options) =>
        client.listCryptoKeys({ parent, pageToken }, options) as unknown as Paged<CryptoKey>,
    );
    return (await this.#orNone(list)) ?? [];
  }

  /** In the order of their numbers. */
  async versions(key: string, call: Call): Promise<Version[]> {
    const parent = this.nameOf(key);
    const all = await this.#pages<Version>(
      parent,
      call,
      (client, pageToken, options) =>
        client.listCryptoKeyVersions({ parent, pageToken }, options) as unknown as Paged<Version>,
    );
    return all.sort((one, other) => numberOf(one) - numberOf(other));
  }

  /** Harmless where the ring is there. */
  async createRing(call: Call): Promise<void> {
    try {
      await this.#send(this.ring, call, (client, options) =>
        client.createKeyRing({ parent: this.#parent, keyRingId: this.#ringId, keyRing: {} }, options),
      );
    } catch (error) {
      if (!(error instanceof KeysteadError) || error.reason !== 'name-taken') throw error;
    }
  }

  async create(key: string, cryptoKey: CryptoKey, call: Call): Promise<CryptoKey> {
    const [made] = await this.#send(this.nameOf(key), call, (client, options) =>
      client.createCryptoKey({ parent: this.ring, cryptoKeyId: key, cryptoKey }, options),
    );
    return made;
  }

  async createVersion(key: string, call: Call): Promise<Version> {
    const parent = this.nameOf(key);
    const [made] = await this.#send(parent, call, (client, options) =>
      client.createCryptoKeyVersion({ parent, cryptoKeyVersion: {} }, options),
    );
    return made;
  }

  async makePrimary(key: string, version: Version, call: Call): Promise<void> {
    const name = this.nameOf(key);
    const cryptoKeyVersionId = String(numberOf(version));
    await this.#send(name, call, (client, options) =>
      client.updateCryptoKeyPrimaryVersion({ name, cryptoKeyVersionId }, options),
    );
  }

  async update(key: string, cryptoKey: CryptoKey, paths: string[], call: Call): Promise<void> {
    const name = this.nameOf(key);
    await this.#send(name, call, (client, options) =>
      client.updateCryptoKey({ cryptoKey: { ...cryptoKey, name }, updateMask: { paths } }, options),
    );
  }

  async setState(version: Version, state: 'ENABLED' | 'DISABLED', call: Call): Promise<void> {
    const name = version.name ?? '';
    await this.#send(name, call, (client, options) =>
      client.updateCryptoKeyVersion({ cryptoKeyVersion: { name, state }, updateMask: { paths: ['state'] } }, options),
    );
  }

  async destroy(version: Version, call: Call): Promise<void> {
    const name = version.name ?? '';
    await this.#send(name, call, (client, options) => client.destroyCryptoKeyVersion({ name }, options));
  }

  async restore(version: Version, call: Call): Promise<void> {
    const name = version.name ?? '';
    await this.#send(name, call, (client, options) => client.restoreCryptoKeyVersion({ name }, options));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #pages<T>(
    what: string,
    call: Call,
    next: (client: KeyManagementServiceClient, pageToken: string, options: Options) => Paged<T>,
  ): Promise<T[]> {
    const all: T[] = [];
    let token = '';
    for (let page = 0; page < MAX_PAGES; page++) {
      const from = token;
      const [items, request, answer] = await this.#send(what, call, (client, options) =>
        next(client, from, { ...options, autoPaginate: false }),
      );
      all.push(...(items ?? []));
      token = request?.pageToken ?? (answer as { nextPageToken?: string } | undefined)?.nextPageToken ?? '';
      if (token === '') return all;
    }
    throw new KeysteadError('kms-bad-answer', `${what}: the list has no end; check endpoint`);
  }

  #ifThere<T>(
    what: string,
    call: Call,
    send: (client: KeyManagementServiceClient, options: Options) => Promise<T>,
  ): Promise<T | undefined> {
    return this.#orNone(this.#send(what, call, send));
  }

  async #orNone<T>(asking: Promise<T>): Promise<T | undefined> {
    try {
      return await asking;
    } catch (error) {
      if (error instanceof KeysteadError && error.reason === 'no-kek') return undefined;
      throw error;
    }
  }

  async #send<T>(
    what: string,
    call: Call,
    send: (client: KeyManagementServiceClient, options: Options) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = this.#timeoutMs;
    const name = `kms://gcp: ${what}`;
    try {
      return await upstream(call, {
        timeoutMs,
        timedOut: () => new KeysteadError('kms-timeout', `${name}: Cloud KMS did not answer within ${timeoutMs} ms`),
        run: async () => send(await this.#connection.ready(), { timeout: timeoutMs, retry: null }),
      });
    } catch (error) {
      throw adminError(error, name);
    }
  }
}

/** Versions are counted from 1. */
export function numberOf({ name }: Version): number {
  return Number(/\/cryptoKeyVersions\/(\d+)$/.exec(name ?? '')?.[1] ?? 0);
}
