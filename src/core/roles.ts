import { inspect } from 'node:util';
import type { Call } from './call.ts';

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
  readonly #secretAccessKey: string;
  readonly #sessionToken: string | undefined;

  constructor(of: AwsSecrets & { readonly accessKeyId: string; readonly expiresAt?: Date | undefined }) {
    this.accessKeyId = of.accessKeyId;
    this.expiresAt = of.expiresAt;
    this.#secretAccessKey = of.secretAccessKey;
    this.#sessionToken = of.sessionToken;
  }

  /** The secrets themselves: for the SDK, a child's environment, or to be sealed. The one way in. */
  expose(): AwsSecrets {
    return { secretAccessKey: this.#secretAccessKey, sessionToken: this.#sessionToken };
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

export interface AwsSecrets {
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
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
