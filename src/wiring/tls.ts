import { createHash, X509Certificate } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import { type FileWatch, type Sight, watchFiles } from '../config/watch-file.ts';
import { KeysteadError } from '../core/errors.ts';
import type { TlsStatus } from '../system/system.ts';
import type { Ambient, HouseLog } from './ambient.ts';
import { readOrInForce } from './in-force.ts';
import { MAX_TLS_FILE, readTls, type TlsMaterial } from './tls-file.ts';

/** The certificate of the listeners, which may change while they are open. */
export interface TlsKeeper {
  /** What is in force; undefined: no TLS. */
  readonly material: TlsMaterial | undefined;
  /** Undefined: no TLS. */
  status(): TlsStatus | undefined;
  /** True while the files are not fit to be used, and older ones are in force. */
  readonly failed: boolean;
  /** Tells whoever uses the material of each new one. */
  onChange(use: (material: TlsMaterial) => void): void;
  /**
   * Reads the files anew. Throws what is wrong with them, or `bad-config` where client certificates are to be handled in
   * another way, and keeps what was. True: they are others now.
   */
  reload(config: Config): Promise<boolean>;
  close(): Promise<void>;
}

interface Deps extends Pick<Ambient, 'clock' | 'readFile' | 'member'> {
  readonly log: HouseLog;
}

/**
 * Reads the TLS files and watches them. Files that are not fit change nothing, and are told in log, status and metrics;
 * certificate and key may be written one after the other. Throws `bad-config`, `no-file` or `cannot-read`.
 */
export async function openTls(config: Config, deps: Deps): Promise<TlsKeeper> {
  const paths = pathsOf(config);
  const read = (readFile: Ambient['readFile']) => readTls(config.tls, readFile);
  const { value, failure } = await readOrInForce(paths, read, { ...deps, inForce: deps.member?.inForce });
  const keeper = new Keeper(config, deps, value);
  if (failure !== undefined) keeper.fail(failure);
  return keeper;
}

class Keeper implements TlsKeeper {
  readonly #deps: Deps;
  readonly #users: ((material: TlsMaterial) => void)[] = [];
  #config: Config;
  #material: TlsMaterial | undefined;
  #loadedAt: Date;
  #watch: FileWatch | undefined;
  #problem: string | undefined;

  constructor(config: Config, deps: Deps, material: TlsMaterial | undefined) {
    this.#deps = deps;
    this.#config = config;
    this.#material = material;
    this.#loadedAt = deps.clock.now();
    this.#begin();
  }

  get material(): TlsMaterial | undefined {
    return this.#material;
  }

  get failed(): boolean {
    return this.#problem !== undefined;
  }

  status(): TlsStatus | undefined {
    if (this.#material === undefined) return undefined;
    const certificate = new X509Certificate(this.#material.cert);
    const { clientCertificate } = this.#config.tls;
    return {
      clientCertificates: this.#material.clientCa === undefined ? 'none' : clientCertificate,
      notAfter: certificate.validToDate,
      sha256: createHash('sha256').update(certificate.raw).digest('hex'),
      loadedAt: this.#loadedAt,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  onChange(use: (material: TlsMaterial) => void): void {
    this.#users.push(use);
  }

  async reload(config: Config): Promise<boolean> {
    if (this.#material !== undefined && config.tls.certFile !== undefined) assertSameHandshake(this.#config, config);
    try {
      const read = await readTls(config.tls, this.#deps.readFile);
      // TLS cannot be switched on or off while the listeners are open.
      if (this.#material === undefined || read === undefined) return false;
      await this.#watch?.close();
      this.#config = config;
      const changed = this.#use(read);
      this.#begin();
      return changed;
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }

  /** Anybody may read the status: what is wrong with which file stands in the log alone. */
  fail(error: unknown): void {
    const why = 'the TLS files are not fit to be used, so the certificate that was read before stays in force';
    this.#problem = `${why}; the log tells more`;
    this.#deps.log.error({ err: KeysteadError.from(error) }, 'the TLS certificate stays as it was');
  }

  #begin(): void {
    const paths = pathsOf(this.#config);
    if (this.#material === undefined || paths.length === 0) return;
    this.#keep();
    this.#watch = watchFiles({
      paths,
      max: MAX_TLS_FILE,
      clock: this.#deps.clock,
      last: bytesOf(this.#material),
      seen: (sights) => this.#seen(new Map(paths.map((path, at) => [path, sights[at] as Sight]))),
    });
  }

  async #seen(sights: ReadonlyMap<string, Sight>): Promise<void> {
    try {
      const read = await readTls(this.#config.tls, async (path) => {
        const sight = sights.get(path) as Sight;
        if ('error' in sight) throw sight.error;
        return sight.bytes;
      });
      if (read !== undefined && this.#use(read)) {
        this.#keep();
        this.#deps.log.info({ notAfter: this.status()?.notAfter }, 'the TLS certificate was read anew');
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** @returns whether it is another one. */
  #use(read: TlsMaterial): boolean {
    const same = this.#material !== undefined && sameTls(this.#material, read);
    this.#problem = undefined;
    if (same) return false;
    this.#material = read;
    this.#loadedAt = this.#deps.clock.now();
    for (const use of this.#users) use(read);
    return true;
  }

  #keep(): void {
    const material = this.#material;
    if (material === undefined) return;
    const bytes = bytesOf(material);
    for (const [at, path] of pathsOf(this.#config).entries()) {
      this.#deps.member?.inForce.keep(path, bytes[at] as Buffer);
    }
  }
}

/**
 * Whether a certificate is asked for is settled when a listener opens. Without an authority of its own it would from then
 * on accept those that Node trusts, which anybody can have a certificate of.
 */
function assertSameHandshake({ tls: before }: Config, { tls: after }: Config): void {
  const asked = before.clientCaFile !== undefined;
  if (asked !== (after.clientCaFile !== undefined)) throw settled('tls.clientCaFile cannot be given or taken away');
  if (asked && before.clientCertificate !== after.clientCertificate) {
    throw settled('tls.clientCertificate cannot be changed');
  }
}

function settled(what: string): KeysteadError {
  return new KeysteadError('bad-config', `${what} while the listeners are open; start the service anew`);
}

/** In the order of `bytesOf`. */
function pathsOf({ tls }: Config): string[] {
  return [tls.certFile, tls.keyFile, tls.clientCaFile].filter((path) => path !== undefined);
}

function bytesOf({ cert, key, clientCa }: TlsMaterial): Buffer[] {
  return clientCa === undefined ? [cert, key] : [cert, key, clientCa];
}

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  const [left, right] = [bytesOf(a), bytesOf(b)];
  return left.length === right.length && left.every((bytes, at) => bytes.equals(right[at] as Buffer));
}
