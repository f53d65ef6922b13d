import { unique } from './opened-doors.ts';

export interface IamUser {
  readonly accessKeyID: string;
  readonly accessKey: string;
  readonly arn: string;
}

/** Whom a role trusts, on which condition, and what it may do. */
interface RoleSpec {
  readonly trusts: string;
  readonly externalId: string;
  readonly actions: readonly string[];
}

/**
 * Users and roles of moto's IAM, made through its query interface while nothing is enforced.
 *
 * Enforcement is a switch of the whole process of `moto-iam`, so only test/providers/aws/least-privilege.test.ts may
 * turn it.
 */
export function iamOf(endpoint: string) {
  // No signature: nothing is enforced yet. The access key says whose account it is.
  const ask = async (query: Record<string, string>, accessKeyId = 'test', service = 'iam') => {
    const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
    const Version = service === 'sts' ? '2011-06-15' : '2010-05-08';
    const body = new URLSearchParams({ Version, ...query });
    const response = await fetch(endpoint, { method: 'POST', headers: { authorization }, body });
    return response.text();
  };
  const part = (text: string, name: string) => new RegExp(`<${name}>([^<]+)`).exec(text)?.[1] as string;
  const allow = (actions: readonly string[]) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] });
  return {
    async user(actions: readonly string[]): Promise<IamUser> {
      const UserName = unique('user');
      const arn = part(await ask({ Action: 'CreateUser', UserName }), 'Arn');
      await ask({ Action: 'PutUserPolicy', UserName, PolicyName: 'p', PolicyDocument: allow(actions) });
      const key = await ask({ Action: 'CreateAccessKey', UserName });
      return { accessKeyID: part(key, 'AccessKeyId'), accessKey: part(key, 'SecretAccessKey'), arn };
    },
    /** A role in some account. */
    async role(account: string, { trusts, externalId, actions }: RoleSpec): Promise<{ name: string }> {
      const RoleArn = `arn:aws:iam::${account}:role/administrator`;
      const session = await ask({ Action: 'AssumeRole', RoleArn, RoleSessionName: 'setup' }, 'test', 'sts');
      const administrator = part(session, 'AccessKeyId');
      const name = unique('role');
      const trust = {
        Effect: 'Allow',
        Principal: { AWS: trusts },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'sts:ExternalId': externalId } },
      };
      const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [trust] });
      await ask({ Action: 'CreateRole', RoleName: name, AssumeRolePolicyDocument }, administrator);
      const policy = { Action: 'PutRolePolicy', RoleName: name, PolicyName: 'p', PolicyDocument: allow(actions) };
      await ask(policy, administrator);
      return { name };
    },
    /** moto enforces from the n-th call on. */
    enforce: (on: boolean) =>
      fetch(`${endpoint}/moto-api/reset-auth`, { method: 'POST', body: on ? '0' : '1000000000' }),
  };
}
