import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import t, { type Test } from 'tap';
import { KeyManager } from '../../src/key-manager/key-manager.ts';
import { openAccessPaths } from '../../src/wiring/access-paths.ts';
import { openAccountAccess } from '../../src/wiring/account-access.ts';
import { adoptKeys } from '../../src/wiring/adopt-keys.ts';
import { bareAmbient } from '../../src/wiring/ambient.ts';
import { openKeyManagerStorage, openParameterSource } from '../../src/wiring/key-manager.ts';
import { keystead } from '../cli/terminal.ts';
import { sdkEnvironment } from '../providers/aws/environment.ts';
import { emulators } from '../support/emulators.ts';
import { failure } from '../support/failure.ts';
import { unique, uriText } from '../support/opened-doors.ts';
import { testCall, testServices } from '../support/services.ts';
import { hops, stsBox } from '../support/sts-box.ts';

t.setTimeout(400_000);
const call = testCall();
const REGION = 'eu-west-1';
const SECRETS = `path: /behind
region: ${REGION}
kmskey: alias/behind
parameters:
  - name: session
    description: ''
    type: SecureString
    value: hunter2
`;
const accessor = {
  multi_hop_accessors: [
    {
      role_session_name: 'key-service',
      access_steps: [
        { role_name: 'Hub', account_id: '111111111111', external_id: "{{ env['HUB_ID'] }}" },
        { role_name: 'Spoke', account_id: '222222222222' },
        { role_name: 'KeyUser' },
      ],
    },
  ],
};

/** An access file and its accessor, in a folder of the test. */
function accessFile(t: Test, paths: string, document: object = accessor): string {
  const folder = t.testdir({ 'accessor.json': JSON.stringify(document) });
  const file = join(folder, 'access.yaml');
  writeFileSync(file, `version: 1\npaths:\n${paths}`);
  return file;
}

t.test('a KMS and a bucket behind a chain of three roles serve data keys', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const endpoint = env['AWS_ENDPOINT_URL'] ?? '';
  const box = await stsBox(t, endpoint);
  sdkEnvironment(t, { AWS_ACCESS_KEY_ID: 'base', AWS_SECRET_ACCESS_KEY: 'base', AWS_REGION: REGION });
  const paths = `  prod-kms:\n    cloud: aws\n    accessor: accessor.json\n    account: "333333333333"\n    region: ${REGION}\n    stsEndpoint: ${box.url}\n`;
  const file = accessFile(t, paths);

  // The key and the bucket are of the account behind the chain: with other credentials they are not there.
  const setup = await openAccountAccess(join(file, '..', 'accessor.json'), {
    env: { HUB_ID: 'set-up' },
    sts: { endpoint, region: REGION },
  });
  const { credentials } = await setup.session('333333333333');
  const [kms, s3] = [
    new KMSClient({ endpoint, region: REGION, credentials }),
    new S3Client({ endpoint, region: REGION, credentials, forcePathStyle: true }),
  ];
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  await kms.send(new CreateAliasCommand({ AliasName: 'alias/behind', TargetKeyId: KeyMetadata?.KeyId }));
  const bucket = unique('keystead');
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  for (const one of [kms, s3]) one.destroy();
  await setup.close();

  const keyName = KeyMetadata?.KeyId ?? '';
  const config = {
    kms: uriText('kms://aws', { keyName, access: 'prod-kms', endpoint }),
    storage: uriText('storage://aws', { bucket, access: 'prod-kms', endpoint }),
    access: { file },
  };
  const ambient = { secrets: { env: { HUB_ID: 'hub-1' }, readFile: () => Promise.reject(new Error('none')) } };
  box.take();
  const services = await testServices(t, config, ambient);
  const made = await services.dataKeys.get({ id: 'pvc-1', length: 32, create: 'must' }, call);
  const again = await services.dataKeys.get({ id: 'pvc-1', length: 32, create: 'never' }, call);
  t.ok(made.key.equals(again.key));
  t.same(hops(box.take()), [
    'arn:aws:iam::123456789012:user/base → arn:aws:iam::111111111111:role/Hub as key-service (hub-1)',
    'arn:aws:sts::111111111111:assumed-role/Hub/key-service → arn:aws:iam::222222222222:role/Spoke as key-service',
    'arn:aws:sts::222222222222:assumed-role/Spoke/key-service → arn:aws:iam::333333333333:role/KeyUser as key-service',
  ]);

  const restarted = await testServices(t, config, ambient);
  const later = await restarted.dataKeys.get({ id: 'pvc-1', length: 32, create: 'never' }, call);
  t.ok(later.key.equals(made.key), 'after a restart too');

  const whole = { ...bareAmbient({}), ...ambient };
  const access = await openAccessPaths(file, whole);
  t.teardown(() => access?.close());
  const adopt = (query: object) =>
    adoptKeys(
      [uriText('kms://aws', { keyName: 'alias/behind', region: REGION, endpoint, ...query })],
      { ambient: whole, timeoutMs: 5000, access },
      call,
    );
  t.equal((await adopt({ access: 'prod-kms' })).length, 1, 'keys are looked after through the chain, too');
  await t.rejects(adopt({}), failure('no-kek'));

  const bare = uriText('kms://aws', { keyName, region: REGION, endpoint });
  await t.rejects(testServices(t, { ...config, kms: bare }, ambient), failure('no-kek'), 'not without the chain');

  await t.test('secrets files and key managers go the same way', async (t) => {
    const env = { HUB_ID: 'hub-1' };
    const around = { env: { ...env, KEYSTEAD_ACCESS_FILE: file } };
    const secrets = join(t.testdir({ 'app.yml': SECRETS }), 'app.yml');
    const target = uriText('parameters://aws', { access: 'prod-kms', region: REGION, endpoint });
    t.match(await keystead(['secrets', 'encrypt', '-i', '--kek', config.kms, secrets], around), { status: 0 });
    const save = ['secrets', 'save', '--kek', config.kms, '--target', target, secrets];
    t.match(await keystead(save, around), { status: 0, stderr: '' });
    t.match(await keystead(save, { env }), {
      status: 1,
      stderr: /access=prod-kms names an access path, and there are none/,
    });

    const source = await openParameterSource({ uri: target, place: '/behind/session', env, accessFile: file });
    t.teardown(() => source.close());
    const opened = await openKeyManagerStorage({ kms: config.kms, storage: config.storage, env, accessFile: file });
    t.teardown(() => opened.close());
    const manager = new KeyManager(opened);
    manager.defineKey({ name: 'K', store: source, useCase: 'ROUND_TRIP', stateless: false });
    await manager.saveState('K');
    t.equal((await manager.getForwardPathKey('K')).text(), 'hunter2');
    await t.rejects(
      openKeyManagerStorage({ kms: config.kms, storage: config.storage, env }),
      failure('bad-uri', /names an access path, and there are none/),
    );
  });

  box.rules = [{ action: 'AssumeRole', match: { RoleArn: 'role/Spoke$' }, error: true }];
  await t.rejects(
    testServices(t, config, ambient),
    failure('no-access', /Spoke@222222222222 denied/),
    'a refused hop stops the start',
  );
});

t.test('what a URI may say of its access path', async (t) => {
  const file = accessFile(t, '  prod:\n    cloud: aws\n    accessor: accessor.json\n    account: "333333333333"\n');
  const ambient = { secrets: { env: { HUB_ID: 'hub-1' }, readFile: () => Promise.reject(new Error('none')) } };
  const open = (query: Record<string, string>, access: { file?: string } = { file }) =>
    testServices(
      t,
      { kms: uriText('kms://aws', { keyName: 'a', region: REGION, ...query }), storage: 'storage://memory', access },
      ambient,
    );
  await t.rejects(open({ access: 'prod' }, {}), failure('bad-uri', /access=prod .*give the file .* in access\.file/));
  await t.rejects(open({ access: 'prd' }), failure('bad-config', /no access path prd .*did you mean prod\?/));
  await t.rejects(open({ access: 'prod', accessKeyID: 'A', accessKey: 'b' }), failure('bad-uri', /give one of them/));
  const gcp = uriText('kms://gcp', { projectID: 'p', location: 'global', keyRing: 'r', keyName: 'k', access: 'prod' });
  await t.rejects(
    testServices(t, { kms: gcp, storage: 'storage://memory', access: { file } }, ambient),
    failure('bad-config', /is one of aws, not of gcp/),
  );
});

t.test('an access file is refused with all that is wrong in it', async (t) => {
  const open = (paths: string, document?: object) => openAccessPaths(accessFile(t, paths, document), bareAmbient({}));
  const wrong = '  "a b":\n    cloud: aws\n    accessor: accessor.json\n    account: "333333333333"\n';
  await t.rejects(open(wrong), failure('bad-config', /must have names of at most 128/));
  await t.rejects(
    open('  a:\n    cloud: aws\n    acount: "1"\n'),
    failure('bad-config', /did you mean account\?.*must have accessor/),
  );
  await t.rejects(
    open('  a:\n    cloud: ibm\n'),
    failure('bad-config', /paths\.a\.cloud must be one of aws, gcp, azure/),
  );
  const both = '  a:\n    cloud: azure\n    tenantID: t\n    clientID: c\n    tokenFile: f\n    managedIdentity: m\n';
  await t.rejects(open(both), failure('bad-config', /tokenFile or managedIdentity, not both/));
  const good = '  a:\n    cloud: aws\n    accessor: accessor.json\n    account: "333333333333"\n';
  await t.rejects(open(good), failure('bad-accessor', /HUB_ID, which is not set/));
  await t.rejects(open(good, { foo: 1 }), failure('bad-accessor', /accessor\.json is not valid: foo/));
  await t.rejects(openAccessPaths('/nowhere/access.yaml', bareAmbient({})), failure('no-file'));
  t.equal(await openAccessPaths(undefined, bareAmbient({})), undefined);
});
