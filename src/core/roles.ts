import { inspect } from 'node:util';
import type { Call } from './call.ts';
import { KeysteadError } from './errors.ts';

/** In the form that every client of the AWS SDK takes as `credentials`. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/**
 * Keys of AWS: of a role for a while, or static ones.
 *
 * Promises: however it is printed, only the id and the end are shown. Does not promise that the secrets can be wiped:
 * AWS's SDK gives and takes strings.
 */
export class AwsCredentials {
  readonly accessKeyId: string;
  /** Absent for static keys. */
  readonly expiresAt: Date | undefined;
  readonly #keys: AwsKeys;

  constructor(keys: AwsKeys) {
    this.accessKeyId = keys.accessKeyId;
    this.expiresAt = keys.expiration;
    this.#keys = keys;
  }

  /** With the secrets: for the SDK, a child's environment, or to be sealed. The one way in. */
  expose(): AwsKeys {
    return this.#keys;
  }

  toJSON(): object {
    return { accessKeyId: this.accessKeyId, expiresAt: this.expiresAt?.toISOString(), secrets: '[secret]' };
  }

  toString(): string {
    return `${this.accessKeyId} [secret]`;
  }

  [inspect.custom](): string {
    return `AwsCredentials ${this.toString()}`;
  }
}

/** Which role to take, and how. What is absent is not sent. Sizes and characters are checked by whoever makes it. */
export interface RoleRequest {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly externalId?: string;
  readonly durationSeconds?: number;
  readonly sessionTags?: Readonly<Record<string, string>>;
  readonly transitiveTagKeys?: readonly string[];
  readonly sourceIdentity?: string;
  /** JSON of the policy that narrows the session. */
  readonly policy?: string;
  readonly policyArns?: readonly string[];
  readonly mfa?: { readonly serial: string; readonly code: string };
  /** AssumeRoleWithWebIdentity: the token is who asks, and no credentials are used. */
  readonly webIdentityToken?: string;
}

/** Whose credentials they are: `arn:aws:sts::222222222222:assumed-role/Audit/scan`. */
export interface AwsIdentity {
  readonly account: string;
  readonly arn: string;
}

export interface AssumedRole extends AwsIdentity {
  readonly credentials: AwsCredentials;
}

/**
 * The security token service, and who this process is to it.
 *
 * Promises: every call ends within a time of its own; throttling and broken connections are tried again within that
 * time; failures are `KeysteadError`s whose text holds no secret.
 */
export interface RoleAssumer {
  /** Region of its calls, and of sessions that say none; undefined where nothing gives one. */
  readonly region: string | undefined;
  /** The credentials that this process has by itself, renewed when they have expired. */
  base(call: Call): Promise<AwsCredentials>;
  /** @param by who asks; undefined: the base credentials. */
  assume(role: RoleRequest, by: AwsCredentials | undefined, call: Call): Promise<AssumedRole>;
  whoIs(by: AwsCredentials | undefined, call: Call): Promise<AwsIdentity>;
  close(): Promise<void>;
}

/** Who a named access path makes of us at AWS. */
export interface AwsAccess {
  /** Of calls that say none; undefined where the path says none either. */
  readonly region: string | undefined;
  /** Credentials that live. Renewed ahead of their end; throws why there are none, and tries again at the next call. */
  credentials(): Promise<AwsCredentials>;
}

/** A chain of service accounts of Google Cloud, each of which may take the next one. */
export interface GcpAccess {
  /** E-mail addresses; the last one is who we become. */
  readonly impersonate: readonly string[];
  /** File with the credentials that the chain begins with; absent: application default credentials. */
  readonly credentialsPath?: string;
  readonly lifetimeSeconds?: number;
  /** Address of the IAM Credentials API, where it is another one. */
  readonly endpoint?: string;
}

/** An application of Microsoft Entra, perhaps in another tenant, that trusts a token of somebody else's. */
export interface AzureAccess {
  readonly tenantID: string;
  readonly clientID: string;
  /** File with the token, read anew each time; absent: a managed identity's. */
  readonly tokenFile?: string;
  /** Client id of the managed identity; absent: the one of the machine. */
  readonly managedIdentity?: string;
}

/** Named access paths: what `access=NAME` in a URI means. Throws `bad-config` for a name that is none of this cloud. */
export interface CredentialSource {
  aws(name: string): Promise<AwsAccess>;
  gcp(name: string): GcpAccess;
  azure(name: string): AzureAccess;
  close(): Promise<void>;
}

/**
 * The access paths that a URI refers to. Throws `bad-uri` where there are none, or where the URI gives credentials
 * besides.
 *
 * @param others names of the URI that also say who asks.
 */
export function accessPathsOf<N extends string>(
  uri: { readonly scheme: string; readonly provider: string; readonly access?: string } & {
    readonly [name in N]?: unknown;
  },
  others: readonly N[],
  source: CredentialSource | undefined,
): CredentialSource {
  const both = others.find((name) => uri[name] !== undefined);
  const what = `${uri.scheme}://${uri.provider}: access=${uri.access}`;
  if (both !== undefined) throw new KeysteadError('bad-uri', `${what} and ${both} both say who asks; give one of them`);
  if (source !== undefined) return source;
  throw new KeysteadError(
    'bad-uri',
    `${what} names an access path, and there are none; give the file that has it in access.file`,
  );
}
