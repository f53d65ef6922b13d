import { createPrivateKey } from 'node:crypto';
import type { StorageOptions } from '@google-cloud/storage';
import { KeysteadError } from '../../core/errors.ts';
import type { SecretSource } from '../../core/secret-reference.ts';
import { unreadable } from '../../core/unreadable.ts';

/** A credentials file: its type is one of `TYPES`, and what that type must have is there. */
export type CredentialsFile = Readonly<Record<string, unknown>>;

/** What of google-auth-library is used here. Its own reader of such files prints warnings, and would run programs. */
export interface AuthLibrary {
  readonly JWT: AuthClientClass;
  readonly IdentityPoolClient: AuthClientClass;
  readonly AwsClient: AuthClientClass;
  readonly UserRefreshClient: AuthClientClass;
  readonly PassThroughClient: AuthClientClass;
  readonly OAuth2Client: new (options: object) => AuthClient & { refreshHandler?: () => Promise<AccessToken> };
  readonly GoogleAuth: new (options: object) => Extract<AuthClient, { getClient(): unknown }>;
}
/** As google-auth-library takes it. */
export interface AccessToken {
  readonly access_token: string;
  /** Milliseconds since 1970. */
  readonly expiry_date: number;
}
type AuthClientClass = new (options: object) => AuthClient;
export type AuthClient = NonNullable<StorageOptions['authClient']>;

const TYPES = ['service_account', 'external_account', 'authorized_user'];
export const SCOPES = ['https://www.googleapis.com/auth/cloud-platform'];

/** A client that is who the file says. `options` go to whatever fetches its tokens. */
export function authClientOf(library: AuthLibrary, file: CredentialsFile, options: object): AuthClient {
  switch (file['type']) {
    case 'service_account': {
      const { client_email: email, private_key: key, private_key_id: keyId, universe_domain: universeDomain } = file;
      const client = new library.JWT({ ...options, email, key, keyId, universeDomain, scopes: SCOPES });
      // Signs its own tokens: one server less that can be away.
      return Object.assign(client, { useJWTAccessWithScope: true });
    }
    case 'authorized_user': {
      const { client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken } = file;
      return new library.UserRefreshClient({ ...options, clientId, clientSecret, refreshToken });
    }
    default: {
      const aws = 'environment_id' in sourceOf(file);
      const client = aws ? library.AwsClient : library.IdentityPoolClient;
      return Object.assign(new client({ ...file, ...options }), { scopes: SCOPES });
    }
  }
}

/**
 * Reads the file that `credentialsPath` names; undefined without one: application default credentials then.
 *
 * Throws `no-file`, `cannot-read` or `bad-config`, naming the path and nothing of what the file holds.
 */
export async function readCredentials(
  path: string | undefined,
  what: string,
  source: SecretSource,
): Promise<CredentialsFile | undefined> {
  if (path === undefined) return undefined;
  const named = `${what}: credentialsPath ${path}`;
  const bytes = await read(path, named, source);
  try {
    return checked(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'), named);
  } finally {
    bytes.fill(0);
  }
}

async function read(path: string, named: string, source: SecretSource): Promise<Uint8Array> {
  try {
    return await source.readFile(path);
  } catch (error) {
    throw unreadable(`${named}: the file`, error);
  }
}

function checked(text: string, named: string): CredentialsFile {
  const file = parsed(text);
  if (file === undefined) throw bad(named, 'the file is not a JSON object');
  const type = file['type'];
  if (typeof type !== 'string' || !TYPES.includes(type)) {
    throw bad(named, `its "type" is none of ${TYPES.join(', ')}; give the key file of a service account`);
  }
  if (type === 'service_account') checkServiceAccount(file, named);
  if (type === 'external_account' && 'executable' in sourceOf(file)) {
    throw bad(named, 'its "credential_source" is a program, which is not run; use a file or a URL');
  }
  return file;
}

/** Not with the error of JSON.parse, which quotes the text. */
function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const object = typeof value === 'object' && value !== null && !Array.isArray(value);
    return object ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** What the SDKs would only find at the first call, and in the words of OpenSSL. */
function checkServiceAccount(file: CredentialsFile, named: string): void {
  const { client_email: email, private_key: key } = file;
  if (typeof email !== 'string' || email === '') throw bad(named, 'it has no "client_email"');
  if (typeof key !== 'string') throw bad(named, 'it has no "private_key"');
  try {
    createPrivateKey(key);
  } catch {
    throw bad(named, 'its "private_key" is no private key in PEM');
  }
}

function sourceOf(file: CredentialsFile): object {
  const source = file['credential_source'];
  return typeof source === 'object' && source !== null ? source : {};
}

function bad(named: string, what: string): KeysteadError {
  return new KeysteadError('bad-config', `${named}: ${what}`);
}
