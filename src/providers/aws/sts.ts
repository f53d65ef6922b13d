import type {
  AssumeRoleCommandInput,
  AssumeRoleWithWebIdentityCommandInput,
  Credentials,
  STSClient,
} from '@aws-sdk/client-sts';
import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import {
  type AssumedRole,
  AwsCredentials,
  type AwsIdentity,
  type RoleAssumer,
  type RoleRequest,
} from '../../core/roles.ts';
import { upstream } from '../../core/upstream.ts';
import { type AwsSts, openStsClient } from './client.ts';
import type { AwsPlace } from './place.ts';
import { stsError } from './sts-errors.ts';

/** Milliseconds that one call may take, its repetitions included. */
const STS_MS = 15_000;
/** Where the security token service is asked when nothing names a region: the partition's own first one. */
const FIRST_REGION = 'us-east-1';
/** Milliseconds that one try may take. */
const TRY_MS = 5000;

/**
 * Opens AWS STS with the credentials of `place`, else with those of the SDK's default chain. Throws
 * `sdk-not-installed`. Makes no call to AWS.
 */
export async function openSts(place: AwsPlace, deps: { readonly timeoutMs?: number } = {}): Promise<RoleAssumer> {
  const found = place.region ?? (await regionOf(place));
  const sts = await openStsClient({ ...place, region: found ?? FIRST_REGION }, TRY_MS);
  return new Sts(sts, found, deps.timeoutMs ?? STS_MS);
}

/** The region that the SDK finds in the environment or in the profile. */
async function regionOf(place: AwsPlace): Promise<string | undefined> {
  const { client } = await openStsClient(place, TRY_MS);
  try {
    return await client.config.region().catch(() => undefined);
  } finally {
    client.destroy();
  }
}

/** AWS's security token service. */
class Sts implements RoleAssumer {
  readonly region: string | undefined;
  readonly #sts: AwsSts;
  readonly #timeoutMs: number;

  constructor(sts: AwsSts, region: string | undefined, timeoutMs: number) {
    this.#sts = sts;
    this.region = region;
    this.#timeoutMs = timeoutMs;
  }

  async base(call: Call): Promise<AwsCredentials> {
    const found = await this.#send('the credentials of this process', call, () =>
      this.#sts.client.config.credentials(),
    );
    return new AwsCredentials(found);
  }

  async assume(role: RoleRequest, by: AwsCredentials | undefined, call: Call): Promise<AssumedRole> {
    const { sdk } = this.#sts;
    const client = this.#clientOf(by);
    const what = `${role.roleArn} as ${role.sessionName}`;
    const answer = await this.#send(what, call, (abortSignal) =>
      role.webIdentityToken === undefined
        ? client.send(new sdk.AssumeRoleCommand(assumeInput(role)), { abortSignal })
        : client.send(new sdk.AssumeRoleWithWebIdentityCommand(webInput(role, role.webIdentityToken)), { abortSignal }),
    );
    const arn = answer.AssumedRoleUser?.Arn ?? '';
    const account = /^arn:[a-z0-9-]+:sts::(\d{12}):assumed-role\//.exec(arn)?.[1];
    const credentials = credentialsOf(answer.Credentials);
    if (account === undefined || credentials === undefined) throw badAnswer(what);
    return { arn, account, credentials };
  }

  async whoIs(by: AwsCredentials | undefined, call: Call): Promise<AwsIdentity> {
    const what = 'whose the credentials are';
    const client = this.#clientOf(by);
    const { Account: account, Arn: arn } = await this.#send(what, call, (abortSignal) =>
      client.send(new this.#sts.sdk.GetCallerIdentityCommand({}), { abortSignal }),
    );
    if (account === undefined || arn === undefined) throw badAnswer(what);
    return { account, arn };
  }

  async close(): Promise<void> {
    this.#sts.client.destroy();
  }

  #clientOf(by: AwsCredentials | undefined): STSClient {
    return by === undefined ? this.#sts.client : this.#sts.as(by);
  }

  #send<T>(name: string, call: Call, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return upstream(call, {
      timeoutMs: this.#timeoutMs,
      timedOut: () => new KeysteadError('sts-timeout', `${name}: AWS STS did not answer in ${this.#timeoutMs} ms`),
      run,
      errorOf: (error) => stsError(error, name),
    });
  }
}

function assumeInput(role: RoleRequest): AssumeRoleCommandInput {
  const { sessionTags, transitiveTagKeys, mfa } = role;
  return {
    ...commonInput(role),
    ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
    ...(role.sourceIdentity === undefined ? {} : { SourceIdentity: role.sourceIdentity }),
    ...(sessionTags === undefined ? {} : { Tags: Object.entries(sessionTags).map(([Key, Value]) => ({ Key, Value })) }),
    ...(transitiveTagKeys === undefined ? {} : { TransitiveTagKeys: [...transitiveTagKeys] }),
    ...(mfa === undefined ? {} : { SerialNumber: mfa.serial, TokenCode: mfa.code }),
  };
}

function webInput(role: RoleRequest, token: string): AssumeRoleWithWebIdentityCommandInput {
  return { ...commonInput(role), WebIdentityToken: token };
}

function commonInput(role: RoleRequest) {
  const { durationSeconds, policy, policyArns } = role;
  return {
    RoleArn: role.roleArn,
    RoleSessionName: role.sessionName,
    ...(durationSeconds === undefined ? {} : { DurationSeconds: durationSeconds }),
    ...(policy === undefined ? {} : { Policy: policy }),
    ...(policyArns === undefined ? {} : { PolicyArns: policyArns.map((arn) => ({ arn })) }),
  };
}

function credentialsOf(answer: Credentials | undefined): AwsCredentials | undefined {
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = answer ?? {};
  const expiration = answer?.Expiration;
  if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined) return undefined;
  return expiration === undefined
    ? undefined
    : new AwsCredentials({ accessKeyId, secretAccessKey, sessionToken, expiration });
}

function badAnswer(what: string): KeysteadError {
  return new KeysteadError('sts-unreachable', `${what}: the answer is not one of AWS STS; check endpoint`);
}
