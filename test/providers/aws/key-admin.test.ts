import t from 'tap';
import { parseKmsUri } from '../../../src/core/uri.ts';
import { openKeyAdmin } from '../../../src/providers/open.ts';
import { keyAdminSuite } from '../../conformance/key-admin.ts';
import { emulators } from '../../support/emulators.ts';
import { failure } from '../../support/failure.ts';
import { openedKeyAdmin, unique, uriText } from '../../support/opened-doors.ts';
import { testCall } from '../../support/services.ts';
import { keyAdmin, motoQuery, secrets, stubServer } from './aws.ts';

const call = testCall();

/** Of this file alone: what looks for keys of a name walks over all that have none. */
const AT = 'eu-south-1';

const policy = (sid: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: sid,
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::123456789012:root' },
        Action: 'kms:*',
        Resource: '*',
      },
    ],
  });

t.test('keys of AWS KMS (moto)', async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const query = { ...motoQuery(env), region: AT, keyName: 'alias/any' };
  const open = (t: Parameters<typeof openedKeyAdmin>[0]) => openedKeyAdmin(t, uriText('kms://aws', query), { secrets });

  t.test('every promise of the contract', async (t) => {
    keyAdminSuite(
      t,
      {
        name: () => `alias/${unique('key')}`,
        made: { description: 'of the test', tags: { team: 'web' }, policy: policy('one'), rotationDays: 90 },
        changed: { description: 'changed', tags: { env: 'x' }, policy: policy('two'), rotationDays: 180 },
        freesNames: true,
        days: 7,
      },
      async (t) => [await open(t), await open(t)],
    );
  });

  t.test('a key is found behind more than a hundred aliases, and its name among them is seen as taken', async (t) => {
    const admin = await open(t);
    const cloud = keyAdmin(t, env, AT);
    const { id } = await cloud.create();
    await Promise.all(Array.from({ length: 101 }, () => cloud.alias(`alias/aaa-${unique('filler')}`, id)));
    const name = `alias/zzz-${unique('key')}`;
    const key = await admin.create(name, {}, call);
    t.equal((await admin.find(name, [], call))?.id, key.id);
    t.same(await admin.earlier(name, call), [], 'named, so nobody takes it for a key that was left behind');
  });

  t.test('a create that was cut short behind its first call is completed with the same key', async (t) => {
    const admin = await open(t);
    const name = `alias/${unique('key')}`;
    const { id } = await keyAdmin(t, env, AT).create({
      Tags: [{ TagKey: 'keystead:name', TagValue: name.slice('alias/'.length) }],
    });
    t.match(await admin.earlier(name, call), [{ id, state: 'running', named: false }]);
    t.equal((await admin.create(name, {}, call)).id, id);
    t.match(await admin.find(name, [], call), { id, named: true });
  });

  t.test('a key that is found under an id is described, and none is made there', async (t) => {
    const admin = await open(t);
    const { id, arn } = await keyAdmin(t, env, AT).create();
    t.match(await admin.find(id, [], call), { id, resource: arn, state: 'running' });
    await t.rejects(admin.create(id, {}, call), failure('bad-declaration', /alias/));
  });

  t.test('only the alias of the key goes with it: one that has moved on stays', async (t) => {
    const admin = await open(t);
    const name = `alias/${unique('key')}`;
    const key = await admin.create(name, {}, call);
    const { id } = await keyAdmin(t, env, AT).create();
    await keyAdmin(t, env, AT).moveAlias(name, id);
    await admin.terminate(name, key, 7, call);
    t.equal((await admin.find(name, [], call))?.id, id);
  });
});

t.test('a key that cannot be given its alias is deleted again', async (t) => {
  const script = async (t: Parameters<typeof openedKeyAdmin>[0], refusal: string, alsoDeletion = false) => {
    const calls: string[] = [];
    const endpoint = await stubServer(t, (request, response) => {
      const action = String(request.headers['x-amz-target']).split('.')[1] ?? '';
      calls.push(action);
      const say = (status: number, body: object) => {
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
      };
      if (action === 'ListKeys') return say(200, { Keys: [], Truncated: false });
      if (action === 'ListAliases') return say(200, { Aliases: [], Truncated: false });
      if (action === 'CreateKey')
        return say(200, { KeyMetadata: { KeyId: 'k-1', Arn: 'arn:k-1', KeyState: 'Enabled' } });
      if (action === 'ScheduleKeyDeletion' && !alsoDeletion) return say(200, { KeyId: 'k-1' });
      if (action === 'DescribeKey') return say(400, { __type: 'NotFoundException', message: 'no' });
      return say(400, { __type: refusal, message: 'no' });
    });
    const query = { endpoint, region: 'eu-west-1', accessKeyID: 'a', accessKey: 'b', keyName: 'alias/a' };
    return { calls, admin: await openedKeyAdmin(t, uriText('kms://aws', query), { secrets }) };
  };
  for (const [refusal, reason] of [
    ['AccessDeniedException', 'provider-denied'],
    ['LimitExceededException', 'provider-quota'],
    ['ThrottlingException', 'key-unnamed'],
    ['AlreadyExistsException', 'name-taken'],
  ] as const) {
    const { calls, admin } = await script(t, refusal);
    await t.rejects(admin.create('alias/a', {}, call), failure(reason), refusal);
    t.equal(calls.filter((action) => action === 'CreateKey').length, 1, 'one key was made');
    t.equal(calls.at(-1), 'ScheduleKeyDeletion');
  }
  const { admin } = await script(t, 'AccessDeniedException', true);
  await t.rejects(admin.create('alias/a', {}, call), failure('key-unnamed', /arn:k-1 .*schedule its deletion/));
});

t.test('without a mark, a create that is not answered is the end: another one would make a second key', async (t) => {
  const open = async (end: 'none' | 'throttled') => {
    const calls: string[] = [];
    const endpoint = await stubServer(t, (request, response) => {
      calls.push(String(request.headers['x-amz-target']).split('.')[1] ?? '');
      if (end === 'none') request.socket.destroy();
      else response.writeHead(400).end(JSON.stringify({ __type: 'ThrottlingException', message: 'no' }));
    });
    const uri = parseKmsUri(
      uriText('kms://aws', { endpoint, region: 'eu-west-1', accessKeyID: 'a', accessKey: 'b', keyName: 'alias/a' }),
    );
    const admin = await openKeyAdmin(uri, { secrets, marks: false });
    t.teardown(() => admin.close());
    return { admin, calls };
  };
  const { admin, calls } = await open('none');
  await t.rejects(admin.create('alias/a', {}, call), failure('key-unnamed', /nobody knows whether a key was made/));
  t.same(calls, ['CreateKey']);
  const throttled = await open('throttled');
  await t.rejects(throttled.admin.create('alias/a', {}, call), failure('provider-throttled'), 'which may go on');
});
