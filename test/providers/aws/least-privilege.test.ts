import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { accountAccess } from '../../../src/access/account-access.ts';
import { readAccessor } from '../../../src/access/read-accessor.ts';
import { dataKeyContext } from '../../../src/core/context.ts';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import { openSts } from '../../../src/providers/aws/sts.ts';
import { keystead } from '../../cli/terminal.ts';
import { blocksOf } from '../../support/doc-page.ts';
import { emulators } from '../../support/emulators.ts';
import { failure } from '../../support/failure.ts';
import { type IamUser, iamOf } from '../../support/iam.ts';
import { openedKeyAdmin, unique, uriText } from '../../support/opened-doors.ts';
import { testCall } from '../../support/services.ts';
import { keyAdmin, motoQuery, newBucket, openTestKek, openTestStore, REGION, secrets } from './aws.ts';

t.setTimeout(400_000);
const call = testCall();
const page = join(import.meta.dirname, '..', '..', '..', 'docs', 'reference', 'providers', 'aws.md');

interface Policy {
  readonly Statement: readonly { readonly Action: readonly string[] }[];
}

/** moto with its IAM, which enforces nothing until it is told to, and not once the test is over. */
async function iamBox(t: Test) {
  const env = await emulators(t, ['moto-iam']);
  if (env === undefined) return undefined;
  const endpoint = env['AWS_IAM_ENDPOINT_URL'] as string;
  const iam = iamOf(endpoint);
  await iam.enforce(false);
  t.teardown(() => iam.enforce(false));
  return { endpoint, iam };
}

/** The actions that the page tells people to allow. */
function documentedActions(): string[] {
  const block = blocksOf(readFileSync(page, 'utf8')).find(({ language }) => language === 'json');
  const policy: Policy = JSON.parse(block?.text ?? '{"Statement":[]}');
  return policy.Statement.flatMap(({ Action }) => Action);
}

t.test('the documented policy is enough, and nothing in it is too much', { timeout: 390_000 }, async (t) => {
  const box = await iamBox(t);
  if (box === undefined) return;
  const { endpoint, iam } = box;
  const motoEnv = { AWS_ENDPOINT_URL: endpoint };
  const actions = documentedActions();
  t.equal(actions.length, 7);
  const { id } = await keyAdmin(t, motoEnv).create();
  const bucket = await newBucket(t, motoQuery(motoEnv));
  const all = await iam.user(actions);
  const users = await Promise.all(
    actions.map(async (missing) => ({ missing, user: await iam.user(actions.filter((action) => action !== missing)) })),
  );
  await iam.enforce(true);

  const use = async ({ accessKeyID, accessKey }: IamUser, prefix: string) => {
    const user = { accessKeyID, accessKey };
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

t.test(
  'roles are taken by those whom they trust, with the external id that they ask for',
  { timeout: 390_000 },
  async (t) => {
    const box = await iamBox(t);
    if (box === undefined) return;
    const { endpoint, iam } = box;
    const [user, stranger] = [await iam.user(['sts:AssumeRole']), await iam.user(['sts:AssumeRole'])];
    const [HUB, TARGET] = ['111111111111', '222222222222'];
    const hub = await iam.role(HUB, { trusts: user.arn, externalId: 'hub-id', actions: ['sts:AssumeRole'] });
    // moto compares principals as they are: a role's sessions are not known to be the role's.
    const session = `arn:aws:sts::${HUB}:assumed-role/${hub.name}/scan`;
    const target = await iam.role(TARGET, { trusts: session, externalId: 'target-id', actions: ['kms:*'] });
    await iam.enforce(true);

    const go = async (who: IamUser, hubId: string | undefined, targetId: string | undefined, direct = false) => {
      const id = (external_id: string | undefined) => (external_id === undefined ? {} : { external_id });
      const steps = [
        ...(direct ? [] : [{ role_name: hub.name, account_id: HUB, ...id(hubId) }]),
        { role_name: target.name, ...id(targetId) },
      ];
      const document = { multi_hop_accessors: [{ role_session_name: 'scan', access_steps: steps }] };
      const read = readAccessor(document, { env: {} });
      if ('problems' in read) throw new Error(JSON.stringify(read.problems));
      const credentials = { accessKeyId: who.accessKeyID, secretAccessKey: who.accessKey };
      const assumer = await openSts({ endpoint, region: 'us-east-1', credentials });
      t.teardown(() => assumer.close());
      const clock = { now: () => new Date(), sleep: async () => {} };
      const access = accountAccess({ accessor: read.accessor, assumer, clock, webIdentityToken: async () => '' });
      return access.session(TARGET, undefined, call);
    };
    t.match(await go(user, 'hub-id', 'target-id'), {
      account: TARGET,
      arn: `arn:aws:sts::${TARGET}:assumed-role/${target.name}/scan`,
    });
    const at = (name: string, account: string) => new RegExp(`${name}@${account} denied: .*AccessDenied`);
    await t.rejects(go(user, 'another', 'target-id'), failure('no-access', at(hub.name, HUB)), 'a wrong external id');
    await t.rejects(go(user, undefined, 'target-id'), failure('no-access', at(hub.name, HUB)), 'no external id');
    await t.rejects(go(user, 'hub-id', 'hub-id'), failure('no-access', at(target.name, TARGET)), 'that of the hub');
    await t.rejects(go(user, '', 'target-id', true), failure('no-access', at(target.name, TARGET)), 'past the hub');
    await t.rejects(go(stranger, 'hub-id', 'target-id'), failure('no-access', at(hub.name, HUB)), 'somebody else');
    const forged = { ...user, accessKey: 'not-the-secret' };
    await t.rejects(
      go(forged, 'hub-id', 'target-id'),
      failure('no-access', /does not know these credentials/),
      'a forged key',
    );
  },
);

const SECRETS_FILE = `path: /a
region: ${REGION}
kmskey: alias/none
parameters:
  - name: hidden
    description: ''
    type: SecureString
    value: hunter2
`;

/** The rights that the page of secrets files tells people to give to whom makes the key. */
function rightsToMakeTheKey(): string[] {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/reference/secrets.md'), 'utf8');
  const [, part = ''] = /`--create-key` makes it.*?That needs([^;]*);/s.exec(text) ?? [];
  return [...part.matchAll(/`(kms:\w+)`/g)].map(([, right]) => right as string);
}

t.test('making the key of secrets files: who may not is told what is missing', { timeout: 390_000 }, async (t) => {
  const box = await iamBox(t);
  if (box === undefined) return;
  const { endpoint, iam } = box;
  const rights = rightsToMakeTheKey();
  const without = (...missing: string[]) =>
    iam.user(['kms:Encrypt', 'kms:Decrypt', ...rights.filter((one) => !missing.includes(one))]);
  // moto asks for the action of a call alone, so not for TagResource; without ListResourceTags nothing is refused.
  const asked = rights.filter((right) => !/TagResource|ListResourceTags|ScheduleKeyDeletion/.test(right));
  t.equal(asked.length, 5);
  const lacking = await Promise.all(asked.map(async (missing) => ({ missing, user: await without(missing) })));
  const stuck = await without('kms:CreateAlias', 'kms:ScheduleKeyDeletion');
  const able = await without();
  const admin = await openedKeyAdmin(
    t,
    uriText('kms://aws', { ...motoQuery({ AWS_ENDPOINT_URL: endpoint }), keyName: 'alias/any' }),
    { secrets },
  );
  await iam.enforce(true);

  const path = join(t.testdir({ 'f.yml': SECRETS_FILE }), 'f.yml');
  const encrypt = ({ accessKeyID, accessKey }: IamUser, alias: string, verb = ['encrypt', '-i', path]) => {
    Object.assign(process.env, { AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: accessKeyID });
    process.env['AWS_SECRET_ACCESS_KEY'] = accessKey;
    const place = { KEYSTEAD_SECRETS_KEY_ALIAS: alias, KEYSTEAD_SECRETS_KEY_REGION: REGION };
    return keystead(['secrets', ...verb, '--create-key'], { env: place, stdin: SECRETS_FILE });
  };
  for (const { missing, user } of lacking) {
    const alias = `alias/${unique('denied')}`;
    const { status, stderr } = await encrypt(user, alias);
    t.equal(status, 1, `without ${missing}`);
    t.match(stderr, `(${missing})`);
    if (missing !== 'kms:DescribeKey') t.match(stderr, `let somebody who has ${sentence(rights)} run this once`);
    t.equal(readFileSync(path, 'utf8'), SECRETS_FILE, 'the file is as it was');
    t.strictSame(await usable(alias), [], 'no key is left that has no name');
  }

  const alias = `alias/${unique('stuck')}`;
  const { status, stderr } = await encrypt(stuck, alias);
  const [left] = await usable(alias);
  t.equal(status, 1);
  for (const said of [left?.resource as string, '(kms:CreateAlias)', '(kms:ScheduleKeyDeletion)', 'key-unnamed']) {
    t.match(stderr, said, 'the key that is left, and why');
  }
  t.equal(readFileSync(path, 'utf8'), SECRETS_FILE);
  t.match(await encrypt(able, alias), { status: 0, stderr: `made the key ${alias} in ${REGION}: ${left?.resource}` });
  t.match(readFileSync(path, 'utf8'), `encrypted_with: ${left?.resource}\n`, 'whoever may takes that key');
  const next = await encrypt(able, `alias/${unique('refreshed')}`, ['refresh', '-i', path]);
  t.match(next, { status: 0, stderr: /^made the key/ }, 'refresh makes one too');

  async function usable(name: string) {
    await iam.enforce(false);
    const keys = await admin.earlier(name, call);
    await iam.enforce(true);
    return keys.filter(({ state }) => state !== 'terminated');
  }
});

function sentence(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
