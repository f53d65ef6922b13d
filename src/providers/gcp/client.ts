import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import type { KeyManagementServiceClient } from '@google-cloud/kms';
import type { CredentialSource } from '../../core/roles.ts';
import { loadSdk } from '../../core/sdk.ts';
import type { SecretSource } from '../../core/secret-reference.ts';
import { UPSTREAM_MS } from '../../core/upstream.ts';
import type { KmsUriOf, StorageUriOf } from '../../core/uri-schemas.ts';
import type { AuthClient, AuthLibrary } from './credentials.ts';
import { clientOf, identityOf } from './impersonation.ts';

const USER_AGENT = 'keystead';
const KMS = '@google-cloud/kms';
const STORAGE = '@google-cloud/storage';

export interface ClientDeps {
  readonly secrets: SecretSource;
  readonly access?: CredentialSource | undefined;
  /** How long one call may take; 5 s without it. */
  readonly timeoutMs?: number;
}

/** A request to Cloud Storage's JSON API. */
export interface StorageRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly data?: object;
  readonly signal: AbortSignal;
}

export interface StorageClient {
  /** The answer's JSON; throws the SDK's error for a status that is no success. */
  json(request: StorageRequest): Promise<unknown>;
  /** The answer's head, and its body not yet read. */
  media(request: StorageRequest): Promise<{ readonly headers: Headers; readonly body: Readable }>;
}

/** A client of Cloud KMS that is ready to be called, and what ends it. */
export interface KmsConnection {
  ready(): Promise<KeyManagementServiceClient>;
  close(): Promise<void>;
}

/**
 * Connects to Cloud KMS when it is first needed: with TLS and credentials, except towards an `http://` endpoint, which is
 * an emulator: it is spoken to in the clear and gets no credentials.
 *
 * Throws `sdk-not-installed`, `no-file` or `bad-config`; `ready` throws the SDK's errors where there are no credentials,
 * and tries again when it is called again. (A client that once found none would never find any, and would end the
 * process by an unhandled rejection.)
 */
export async function kmsConnection(uri: KmsUriOf<'gcp'>, deps: ClientDeps): Promise<KmsConnection> {
  const sdk = await loadSdk(KMS, () => import('@google-cloud/kms'));
  const identity = await identityOf(uri, deps);
  const gax = dependencyOf<Gax>(KMS, 'google-gax');
  const auth = dependencyOf<AuthLibrary>(KMS, 'google-gax', 'google-auth-library');
  // With GOOGLE_SDK_NODE_LOGGING set, the SDK would print requests and answers: plaintext keys.
  gax.loggingUtils.setBackend(null);
  const tokens = tokenOptions(uri.endpoint, deps);
  const authOf = (authClient: AuthClient | undefined) =>
    authClient === undefined
      ? { clientOptions: tokens }
      : { auth: new auth.GoogleAuth({ authClient, clientOptions: tokens }) };
  const open = () =>
    new sdk.KeyManagementServiceClient({
      projectId: uri.projectID,
      libName: USER_AGENT,
      'grpc.primary_user_agent': USER_AGENT,
      // A connection whose other end has vanished is noticed within 40 s, and one that came back is used within 5 s:
      // the defaults are a quarter of an hour and two minutes.
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.max_reconnect_backoff_ms': 5000,
      enableTelemetryLogging: false,
      ...(uri.endpoint === undefined ? {} : kmsAddress(new URL(uri.endpoint), gax)),
      ...authOf(clientOf(auth, identity, tokens)),
    });
  return whenReady(open);
}

function whenReady(open: () => KeyManagementServiceClient): KmsConnection {
  let opening: Promise<KeyManagementServiceClient> | undefined;
  const connect = async () => {
    const client = open();
    await client.initialize();
    return client;
  };
  return {
    async ready() {
      opening ??= connect();
      try {
        return await opening;
      } catch (error) {
        opening = undefined;
        throw error;
      }
    },
    async close() {
      const client = await opening?.catch(() => undefined); // what did not open need not be closed
      await client?.close();
    },
  };
}

/** What is used of google-gax: its own copy of gRPC, because credentials of another copy are refused. */
interface Gax {
  readonly grpc: { readonly credentials: { createInsecure(): object } };
  readonly loggingUtils: { setBackend(backend: null): void };
}

function kmsAddress(endpoint: URL, gax: Gax): object {
  const inTheClear = endpoint.protocol === 'http:';
  const port = endpoint.port === '' ? (inTheClear ? 80 : 443) : Number(endpoint.port);
  return {
    servicePath: endpoint.hostname,
    port,
    ...(inTheClear ? { sslCreds: gax.grpc.credentials.createInsecure() } : {}),
  };
}

/**
 * A client of Cloud Storage, as `kmsConnection` is to Cloud KMS.
 *
 * The SDK gives endpoint, credentials, retries and proxies; requests are sent by its `authClient` and not by its own
 * methods, because those cannot be ended: version 8.4.0 ignores its `timeout`, takes no signal, and keeps the connection
 * to a server that hangs for ever. It also writes the project into a name that holds `{{projectId}}`.
 */
export async function storageClient(uri: StorageUriOf<'gcp'>, deps: ClientDeps): Promise<StorageClient> {
  const { Storage } = await loadSdk(STORAGE, () => import('@google-cloud/storage'));
  const identity = await identityOf(uri, deps);
  const auth = dependencyOf<AuthLibrary>(STORAGE, 'google-auth-library');
  const options = { projectId: uri.projectID, ...(uri.endpoint === undefined ? {} : { apiEndpoint: uri.endpoint }) };
  const { apiEndpoint } = new Storage(options);
  const tokens = tokenOptions(apiEndpoint, deps);
  const authClient = apiEndpoint.startsWith('http:')
    ? new auth.PassThroughClient({}) // an emulator: sends no credentials, and does not look for any
    : clientOf(auth, identity, tokens);
  const storage = new Storage({
    ...options,
    ...(authClient === undefined ? { clientOptions: tokens } : { authClient }),
  });
  const send = <T>(request: StorageRequest, responseType: 'json' | 'stream') =>
    storage.authClient.request<T>({
      url: apiEndpoint + request.path,
      method: request.method,
      headers: { 'User-Agent': USER_AGENT, ...request.headers },
      ...(request.params === undefined ? {} : { params: request.params }),
      ...(request.data === undefined ? {} : { data: request.data }),
      signal: request.signal,
      responseType,
      retryConfig: QUICK,
    });
  return {
    json: async (request) => (await send(request, 'json')).data,
    media: async (request) => {
      const { headers, data } = await send<Readable>(request, 'stream');
      return { headers, body: data };
    },
  };
}

// The SDK's own retries, quick enough for the deadline. Every request here is safe to send twice: it reads, or it is
// conditional, so that its repetition is refused. Throttling is for the caller to see.
const QUICK = {
  retry: 2,
  noResponseRetries: 1,
  retryDelay: 50,
  maxRetryDelay: 300,
  httpMethodsToRetry: ['GET', 'POST', 'DELETE'],
  statusCodesToRetry: [
    [408, 408],
    [500, 599],
  ],
};

/** Where tokens come from must not hang either; and an emulator is in no universe that is worth asking for. */
function tokenOptions(endpoint: string | undefined, { timeoutMs = UPSTREAM_MS }: ClientDeps) {
  const universe = endpoint?.startsWith('http:') === true ? { universeDomain: 'googleapis.com' } : {};
  return { transporterOptions: { timeout: timeoutMs }, ...universe };
}

/** A package that an SDK brings along, by the way there, in the copy that the SDK uses. */
function dependencyOf<T>(sdk: string, ...way: string[]): T {
  const last = way.pop() as string;
  const from = way.reduce((at, name) => createRequire(at).resolve(name), import.meta.resolve(sdk));
  return createRequire(from)(last) as T;
}
