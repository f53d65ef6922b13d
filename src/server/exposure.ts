import { availableParallelism } from 'node:os';
import type { Address } from '../config/address.ts';
import { formatAddress, isLoopback, parseAddress } from '../config/address.ts';
import type { Config } from '../config/schema.ts';
import { KeysteadError } from '../core/errors.ts';
import { serviceMode } from '../core/service-mode.ts';
import { disposeSecrets, parseKmsUri, parseStorageUri } from '../core/uri.ts';

/** Where the service listens, and what its operator should know about that. */
export interface Exposure {
  readonly http: Address;
  /** Undefined: the gRPC listener is off. */
  readonly grpc: Address | undefined;
  /** Undefined: administrators use the HTTP listener. */
  readonly admin: Address | undefined;
  readonly workers: number;
  readonly warnings: readonly string[];
}

/**
 * Decides whether a configuration may be served at all; nothing is opened. Throws `bad-config` or `bad-uri`.
 *
 * A development server listens on loopback only; any other one listens beyond loopback with TLS, or in the clear when
 * that was asked for by name.
 */
export function exposureOf(config: Config): Exposure {
  const http = addressOf(config.http.listen, 'http.listen');
  const grpc = config.grpc.listen === 'off' ? undefined : addressOf(config.grpc.listen, 'grpc.listen');
  const admin = config.admin.listen === 'off' ? undefined : addressOf(config.admin.listen, 'admin.listen');
  const beyond = [http, grpc, admin]
    .filter((address) => address !== undefined)
    .filter((address) => !isLoopback(address));
  const plaintext = config.tls.certFile === undefined && config.tls.keyFile === undefined;
  if (config.dev) assertLocal(beyond);
  else if (plaintext && !config.insecurePlaintext) assertProtected(beyond);
  assertNoTokenInTheClear(config);
  return { http, grpc, admin, workers: workersOf(config), warnings: warningsOf(config, beyond, plaintext) };
}

function addressOf(text: string, name: string): Address {
  const address = parseAddress(text);
  if (address !== undefined) return address;
  throw new KeysteadError('bad-config', `${name} must be HOST:PORT, with brackets around an IPv6 address`);
}

function assertLocal(beyond: readonly Address[]): void {
  const [first] = beyond;
  if (first === undefined) return;
  throw new KeysteadError(
    'bad-config',
    `a development server gives every caller every right, so it listens on loopback only, not on ${formatAddress(first)}; use 127.0.0.1, [::1] or localhost`,
  );
}

function assertProtected(beyond: readonly Address[]): void {
  const [first] = beyond;
  if (first === undefined) return;
  throw new KeysteadError(
    'bad-config',
    `listening on ${formatAddress(first)} without TLS would send keys over the network in the clear; give --tls-cert-file and --tls-key-file, or say --insecure-plaintext`,
  );
}

/** The collector that audit lines would reach over a network in the clear. */
function exposedCollector({ audit }: Config): URL | undefined {
  const text = audit.sink.replace(/^otlp\+/, '');
  const url = text.startsWith('http://') && URL.canParse(text) ? new URL(text) : undefined;
  return url === undefined || isLoopback({ host: url.hostname.replace(/^\[(.*)\]$/, '$1') }) ? undefined : url;
}

function assertNoTokenInTheClear(config: Config): void {
  const collector = exposedCollector(config);
  if (collector?.searchParams.has('tokenFile') !== true) return;
  throw new KeysteadError(
    'bad-config',
    `audit.sink would send its token to ${collector.host} in the clear; use https://, or otlp+https://`,
  );
}

function workersOf(config: Config): number {
  const workers = config.workers === 'auto' ? availableParallelism() : config.workers;
  const kms = parseKmsUri(config.kms);
  const storage = parseStorageUri(config.storage);
  const mode = serviceMode(kms, storage);
  disposeSecrets(kms);
  disposeSecrets(storage);
  if (workers > 1 && storage.provider === 'memory' && mode === 'wrap') {
    throw new KeysteadError(
      'bad-config',
      `${workers} workers would each hold a storage://memory of their own and give different keys for one id; use one worker or another store`,
    );
  }
  return workers;
}

function warningsOf(config: Config, beyond: readonly Address[], plaintext: boolean): string[] {
  const warnings: string[] = [];
  if (plaintext && beyond.length > 0) {
    const where = beyond.map(formatAddress).join(' and ');
    warnings.push(`listening in plaintext on ${where}: keys and credentials cross the network in the clear`);
  }
  const collector = exposedCollector(config);
  if (collector !== undefined) {
    const what = 'whoever is on the way can read who asked for which key, and take lines away unseen; use https://';
    warnings.push(`audit lines go to ${collector.host} in the clear: ${what}`);
  }
  if (!config.dev && config.admin.tokenFile === undefined && config.auth.file === undefined) {
    warnings.push(
      'no credentials are configured: only liveness, readiness and status answer; give admin.tokenFile or auth.file',
    );
  }
  return warnings;
}
