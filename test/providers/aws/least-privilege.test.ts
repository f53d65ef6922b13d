import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { dataKeyContext } from '../../../src/core/context.ts';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import { blocksOf } from '../../support/doc-page.ts';
import { emulators } from '../../support/emulators.ts';
import { failure } from '../../support/failure.ts';
import { testCall } from '../../support/services.ts';
import { keyAdmin, motoQuery, newBucket, openTestKek, openTestStore, unique } from './aws.ts';

const call = testCall();
const page = join(import.meta.dirname, '..', '..', '..', 'docs', 'reference', 'providers', 'aws.md');

interface Policy {
  readonly Statement: readonly { readonly Action: readonly string[] }[];
}

/** The actions that the page tells people to allow. */
function documentedActions(): string[] {
  const block = blocksOf(readFileSync(page, 'utf8')).find(({ language }) => language === 'json');
  const policy: Policy = JSON.parse(block?.text ?? '{"Statement":[]}');
  return policy.Statement.flatMap(({ Action }) => Action);
}

t.test('the documented policy is enough, and nothing in it is too much', { timeout: 60_000 }, async (t) => {
  const env = await emulators(t, ['moto-iam']);
  if (env === undefined) return;
  const iam = iamOf(env['AWS_IAM_ENDPOINT_URL'] as string);
  const motoEnv = { AWS_ENDPOINT_URL: env['AWS_IAM_ENDPOINT_URL'] as string };
  const actions = documentedActions();
  t.equal(actions.length, 7);
  await iam.enforce(false);
  t.teardown(() => iam.enforce(false));
  const { id } = await keyAdmin(t, motoEnv).create();
  const bucket = await newBucket(t, motoQuery(motoEnv));
  const all = await iam.user(actions);
  const users = await Promise.all(
    actions.map(async (missing) => ({ missing, user: await iam.user(actions.filter((action) => action !== missing)) })),
  );
  await iam.enforce(true);

  const use = async (user: { accessKeyID: string; accessKey: string }, prefix: string) => {
    const kek = await openTestKek(t, { ...motoQuery(motoEnv), ...user, keyName: id });
    const store = await openTestStore(t, { ...bucket, ...user, prefix });
    await kek.check(call);
    await store.check(call);
    const key = SecretBytes.own(new Uint8Array(32));
    const wrapped = await kek.wrap(key, dataKeyContext('a', 1, 32), call);
    (await kek.unwrap(wrapped, dataKeyContext('a', 1, 32), call)).dispose();
    await store.create('a', wrapped.bytes, call);
    await store.replace('a', Uint8Array.of(1), (await store.read('a', call))?.etag as string, call);
    await store.list('', undefined, 10, call);
    await store.delete('a', (await store.read('a', call))?.etag as string, call);
  };
  await t.resolves(use(all, 'all/'), 'with all of them');
  for (const [n, { missing, user }] of users.entries()) {
    const said = missing.startsWith('kms:') ? new RegExp(`\\(${missing}\\)`) : /does not permit/;
    await t.rejects(use(user, `${n}/`), failure('provider-denied', said), `without ${missing}`);
  }
});

/** Users of moto's IAM, made through its query interface. */
function iamOf(endpoint: string) {
  // No signature: nothing is enforced yet when users are made.
  const authorization =
    'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0';
  const ask = async (query: Record<string, string>) => {
    const body = new URLSearchParams({ Version: '2010-05-08', ...query });
    const response = await fetch(endpoint, { method: 'POST', headers: { authorization }, body });
    return response.text();
  };
  return {
    async user(actions: readonly string[]): Promise<{ accessKeyID: string; accessKey: string }> {
      const UserName = unique('user');
      await ask({ Action: 'CreateUser', UserName });
      const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] };
      await ask({ Action: 'PutUserPolicy', UserName, PolicyName: 'p', PolicyDocument: JSON.stringify(policy) });
      const key = await ask({ Action: 'CreateAccessKey', UserName });
      const part = (name: string) => new RegExp(`<${name}>([^<]+)`).exec(key)?.[1] as string;
      return { accessKeyID: part('AccessKeyId'), accessKey: part('SecretAccessKey') };
    },
    /** moto enforces from the n-th call on; the switch is the whole process's, so only this file may use it. */
    enforce: (on: boolean) =>
      fetch(`${endpoint}/moto-api/reset-auth`, { method: 'POST', body: on ? '0' : '1000000000' }),
  };
}
