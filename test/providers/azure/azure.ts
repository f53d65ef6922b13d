import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { ClientSecretCredential } from '@azure/identity';
import { KeyClient } from '@azure/keyvault-keys';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import type { Kek } from '../../../src/core/kek.ts';
import type { SecretSource } from '../../../src/core/secret-reference.ts';
import type { WrappedKeyStore } from '../../../src/core/store.ts';
import { type Emulator, emulators } from '../../support/emulators.ts';
import { freePort } from '../../support/free-port.ts';
import { openedKek, openedStore, unique, uriText } from '../../support/opened-doors.ts';

export { unique } from '../../support/opened-doors.ts';

type Test = Parameters<typeof emulators>[0];
type Teardown = Pick<Test, 'teardown'>;

/** References in the URIs of these tests lead to this variable, and nowhere else. */
export const secrets: SecretSource = {
  env: { TEST_CLIENT_SECRET: 'a-client-secret' },
  readFile: () => {
    throw Object.assign(new Error('no files here'), { code: 'ENOENT' });
  },
};

/** As `emulators`, of which `oidc` is one; also tells the SDK where tokens come from, which it reads from the environment alone. */
export async function azureEmulators(t: Test, names: readonly Emulator[]): Promise<Record<string, string> | undefined> {
  const env = await emulators(t, names);
  if (env !== undefined) process.env['AZURE_AUTHORITY_HOST'] = env['OIDC_URL'] as string;
  return env;
}

const CLIENT = { tenantID: 'tenant-1', clientID: 'key-service', clientSecret: 'env://TEST_CLIENT_SECRET' };

/** Names of a `kms://azure` URI, but for the key's. */
export function vaultQuery(env: Record<string, string>): Record<string, string> {
  const endpoint = env['AZURE_KEYVAULT_URL'] as string;
  return { ...CLIENT, vaultName: 'emulated', vaultType: 'vault.azure.net', endpoint };
}

export function hsmQuery(env: Record<string, string>): Record<string, string> {
  const endpoint = env['AZURE_MANAGEDHSM_URL'] as string;
  return { ...CLIENT, vaultName: 'emulated', vaultType: 'managedhsm.azure.net', endpoint };
}

/** Names of a `storage://azure` URI, but for the container's. */
export function blobQuery(env: Record<string, string>): Record<string, string> {
  return { ...CLIENT, account: 'keyservice', endpoint: env['AZURE_BLOB_ENDPOINT'] as string };
}

/** A KEK of a URI's `?…`, closed with the test. */
export function openTestKek(t: Teardown, query: Record<string, string>, timeoutMs?: number): Promise<Kek> {
  return openedKek(t, uriText('kms://azure', query), { secrets, timeoutMs });
}

/** A store of a URI's `?…`, closed with the test. */
export function openTestStore(
  t: Teardown,
  query: Record<string, string>,
  timeoutMs?: number,
): Promise<WrappedKeyStore> {
  return openedStore(t, uriText('storage://azure', query), { secrets, timeoutMs });
}

let admin: ClientSecretCredential | undefined;
/** One for all, because each fetches a token of its own; made late, because it reads the environment. */
function adminCredential(): ClientSecretCredential {
  admin ??= new ClientSecretCredential('tenant-1', 'key-admin', 'any', { disableInstanceDiscovery: true });
  return admin;
}

/** An administrator of keys; the service itself never needs one. */
export function keyAdmin(address: string): KeyClient {
  return new KeyClient(address, adminCredential(), { disableChallengeResourceVerification: true });
}

/** A client of the test's own, to look behind the store. */
export function containerAdmin(query: Record<string, string>, container: string): ContainerClient {
  return new BlobServiceClient(query['endpoint'] as string, adminCredential()).getContainerClient(container);
}

/** A new container, with the URI's names for it. */
export async function newContainer(query: Record<string, string>): Promise<Record<string, string>> {
  const container = unique('keystead');
  await containerAdmin(query, container).create();
  return { ...query, container };
}

/** An HTTPS server of the test's own on loopback, with the emulators' certificate, closed with the test. */
export async function stubServer(t: Teardown, env: Record<string, string>, handle: RequestListener): Promise<string> {
  const dir = dirname(env['NODE_EXTRA_CA_CERTS'] as string);
  const [cert, key] = ['server.crt', 'server.key'].map((name) => readFileSync(join(dir, name)));
  return listen(t, createServer({ cert, key }, handle));
}

/** Speaks HTTP where HTTPS is expected. */
export function plainServer(t: Teardown): Promise<string> {
  return listen(t, createHttpServer());
}

async function listen(t: Teardown, server: Server | HttpServer): Promise<string> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An address where nobody listens any more. */
export async function deadAddress(): Promise<string> {
  return `https://127.0.0.1:${await freePort()}`;
}

/** A vault that asks for a token as vaults do, and then does as it is told. */
export function stubVault(t: Teardown, env: Record<string, string>, handle: RequestListener): Promise<string> {
  const authority = `${env['OIDC_URL']}/tenant-1`;
  return stubServer(t, env, (request, response) => {
    if (request.headers.authorization !== undefined) return handle(request, response);
    const challenge = `Bearer authorization="${authority}", resource="https://vault.azure.net"`;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
  });
}

/** An authority that refuses every token as Microsoft Entra does. */
export function refusingAuthority(t: Teardown, env: Record<string, string>, status: number, body: object) {
  return stubServer(t, env, (request, response) => {
    const base = `https://${request.headers.host}/tenant-1`;
    const metadata = {
      issuer: `${base}/v2.0`,
      authorization_endpoint: `${base}/authorize`,
      token_endpoint: `${base}/token`,
      jwks_uri: `${base}/keys`,
    };
    const discovery = request.url?.includes('openid-configuration') === true;
    response.writeHead(discovery ? 200 : status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(discovery ? metadata : body));
  });
}
