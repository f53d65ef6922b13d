import t from 'tap';
import { dataKeyContext } from '../../../src/core/context.ts';
import { KeysteadError } from '../../../src/core/errors.ts';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import { kekSuite, type TwoKeks } from '../../conformance/kek.ts';
import { emulators } from '../../support/emulators.ts';
import { failure } from '../../support/failure.ts';
import { recordedSecrets } from '../../support/recorded-secrets.ts';
import { testCall } from '../../support/services.ts';
import { deadAddress, keyAdmin, motoQuery, openTestKek, stubServer, unique } from './aws.ts';

const call = testCall();
const context = dataKeyContext('pvc-1', 1, 32);
const key = () => SecretBytes.own(new Uint8Array(32).fill(7));

t.test('on moto', async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const at = motoQuery(env);
  const admin = keyAdmin(t, env);

  const openTwo = async (t: Parameters<typeof openTestKek>[0]): Promise<TwoKeks> => ({
    kek: await openTestKek(t, { ...at, keyName: (await admin.create()).id }),
    other: await openTestKek(t, { ...at, keyName: (await admin.create()).id }),
  });
  t.test('a KEK named by its id keeps the contract', async (t) => kekSuite(t, openTwo));

  t.test('the version is the ARN of the key, however the key is named', async (t) => {
    const { id, arn } = await admin.create();
    const alias = `alias/${unique('kek')}`;
    await admin.alias(alias, id);
    const aliasArn = arn.replace(`key/${id}`, alias);
    for (const keyName of [id, arn, alias, aliasArn]) {
      const kek = await openTestKek(t, { ...at, keyName });
      const wrapped = await kek.wrap(key(), context, call);
      t.equal(wrapped.version, arn, keyName);
      t.equal(wrapped.algorithm, 'aws-kms');
      t.ok((await kek.unwrap(wrapped, context, call)).equals(key()));
      await kek.check(call);
    }
  });
  t.test('the region of an ARN is enough, and another one in the URI is refused', async (t) => {
    const { arn } = await keyAdmin(t, env, 'us-west-2').create();
    const { region: _, ...anywhere } = at;
    const kek = await openTestKek(t, { ...anywhere, keyName: arn });
    t.match((await kek.wrap(key(), context, call)).version, /us-west-2/);
    await t.rejects(openTestKek(t, { ...at, keyName: arn }), failure('wrong-region'));
  });
  t.test(
    'what an alias wrapped opens after the alias has moved, and what it wraps then is under the new key',
    async (t) => {
      const [old, fresh] = [await admin.create(), await admin.create()];
      const alias = `alias/${unique('kek')}`;
      await admin.alias(alias, old.id);
      const kek = await openTestKek(t, { ...at, keyName: alias });
      const wrapped = await kek.wrap(key(), context, call);
      await admin.moveAlias(alias, fresh.id);
      t.ok((await kek.unwrap(wrapped, context, call)).equals(key()));
      t.equal((await kek.wrap(key(), context, call)).version, fresh.arn);
    },
  );
  t.test('a key named by id opens nothing that names another key', async (t) => {
    const { kek, other } = await openTwo(t);
    const wrapped = await other.wrap(key(), context, call);
    await t.rejects(kek.unwrap(wrapped, context, call), failure('context-mismatch', /was wrapped by/));
    // Were the name in the record not true, AWS would refuse: the key is named in the call.
    const { version } = await kek.wrap(key(), context, call);
    await t.rejects(kek.unwrap({ ...wrapped, version }, context, call), failure('context-mismatch'));
  });
  t.test('ids of every kind and length are bound', async (t) => {
    const { kek } = await openTwo(t);
    const ids = [
      'a',
      'x'.repeat(4096),
      'ü'.repeat(2048),
      '\u0001'.repeat(4096),
      'a\u0000b',
      '../\n',
      ' ',
      '\u{10ffff}',
    ];
    for (const id of ids) {
      const wrapped = await kek.wrap(key(), dataKeyContext(id, 1, 32), call);
      t.ok((await kek.unwrap(wrapped, dataKeyContext(id, 1, 32), call)).equals(key()));
      await t.rejects(kek.unwrap(wrapped, dataKeyContext(`${id}2`, 1, 32), call), failure('context-mismatch'));
    }
  });
  t.test('a key longer than KMS takes is sealed under a wrapped content key', async (t) => {
    const { kek, other } = await openTwo(t);
    const long = SecretBytes.own(new Uint8Array(8160).fill(9));
    const wrapped = await kek.wrap(long, context, call);
    t.equal(wrapped.algorithm, 'aws-kms+aes-256-gcm');
    t.ok((await kek.unwrap(wrapped, context, call)).equals(long));
    await t.rejects(kek.unwrap({ ...wrapped, algorithm: 'aws-kms' }, context, call), { code: 'data_loss' });
    await t.rejects(
      kek.unwrap({ ...wrapped, bytes: Uint8Array.of(0, 0, 0, 2, 0, 0) }, context, call),
      failure('record-corrupt'),
    );
    await t.rejects(kek.unwrap({ ...wrapped, algorithm: 'rot13' }, context, call), failure('record-corrupt', /rot13/));
    await t.rejects(other.unwrap(wrapped, context, call), failure('context-mismatch'));
  });

  t.test('check says what is wrong with a key', async (t) => {
    const keys = {
      'key-stopped': await admin.create(),
      'key-pending-deletion': await admin.create(),
      'wrong-key-type': await admin.create({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' }),
      'no-kek': { id: '00000000-0000-0000-0000-000000000000' },
    } as const;
    await admin.disable(keys['key-stopped'].id);
    await admin.scheduleDeletion(keys['key-pending-deletion'].id);
    for (const [reason, { id }] of Object.entries(keys) as [keyof typeof keys, { id: string }][]) {
      const kek = await openTestKek(t, { ...at, keyName: id });
      await t.rejects(kek.check(call), failure(reason, new RegExp(id)), `check: ${reason}`);
      await t.rejects(kek.wrap(key(), context, call), failure(reason, new RegExp(id)), `wrap: ${reason}`);
    }
    const signing = await admin.create({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    const kek = await openTestKek(t, { ...at, keyName: signing.id });
    await t.rejects(kek.check(call), failure('wrong-key-type', /ECC_NIST_P256 for SIGN_VERIFY/));
  });
  t.test('a key of another region is not found', async (t) => {
    const { id } = await keyAdmin(t, env, 'us-west-2').create();
    const kek = await openTestKek(t, { ...at, keyName: id });
    await t.rejects(kek.check(call), failure('no-kek', /region/));
  });
  t.test('a key disabled between two calls stops, and works again when it is enabled', async (t) => {
    const { id } = await admin.create();
    const kek = await openTestKek(t, { ...at, keyName: id });
    const wrapped = await kek.wrap(key(), context, call);
    await admin.disable(id);
    await t.rejects(kek.unwrap(wrapped, context, call), failure('key-stopped'));
    await admin.enable(id);
    t.ok((await kek.unwrap(wrapped, context, call)).equals(key()));
  });
});

const elsewhere = { region: 'eu-west-1', accessKeyID: 'test', accessKey: 'env://TEST_ACCESS_KEY', keyName: 'alias/a' };
const ARN = 'arn:aws:kms:eu-west-1:111122223333:key/1';

t.test('a server that is away is said to be so', async (t) => {
  const kek = await openTestKek(t, { ...elsewhere, endpoint: await deadAddress() });
  await t.rejects(kek.check(call), failure('kms-unreachable', /refused/));
});
t.test('a server that never answers costs the time limit, and the caller’s own end comes first', async (t) => {
  const endpoint = await stubServer(t, () => {});
  const kek = await openTestKek(t, { ...elsewhere, endpoint }, 50);
  await t.rejects(kek.wrap(key(), context, call), failure('kms-timeout', /50 ms/));
  const patient = await openTestKek(t, { ...elsewhere, endpoint }, 60_000);
  const gone = new AbortController();
  const wrapping = patient.wrap(key(), context, testCall({ signal: gone.signal }));
  gone.abort(new KeysteadError('client-gone', 'gone'));
  await t.rejects(wrapping, failure('client-gone'));
});
t.test('an answer for another key is not believed', async (t) => {
  const other = 'arn:aws:kms:eu-west-1:111122223333:key/2';
  const Plaintext = Buffer.alloc(32).toString('base64');
  const answers = [
    { KeyId: other, CiphertextBlob: 'AAAA' },
    { KeyId: ARN },
    { KeyId: other, Plaintext },
    { KeyId: ARN },
  ];
  const endpoint = await stubServer(t, (_request, response) => response.end(JSON.stringify(answers.shift())));
  const kek = await openTestKek(t, { ...elsewhere, keyName: ARN, endpoint });
  const wrapped = { kek: kek.uri, version: ARN, algorithm: 'aws-kms', bytes: Uint8Array.of(1) };
  const made = recordedSecrets(t);
  await t.rejects(kek.wrap(key(), context, call), failure('kms-bad-answer', /key\/2/));
  await t.rejects(kek.wrap(key(), context, call), failure('kms-bad-answer'));
  await t.rejects(kek.unwrap(wrapped, context, call), failure('kms-bad-answer', /key\/2/));
  await t.rejects(kek.unwrap(wrapped, context, call), failure('kms-bad-answer', /without a key/));
  t.equal(made.filter((secret) => secret.disposed).length, 1, 'the key that nobody may have');
});
t.test('an alias is not led to what is no key', async (t) => {
  const kek = await openTestKek(t, { ...elsewhere, endpoint: await deadAddress() });
  const wrapped = { kek: kek.uri, version: 'https://example.org', algorithm: 'aws-kms', bytes: Uint8Array.of(1) };
  await t.rejects(kek.unwrap(wrapped, context, call), failure('context-mismatch'));
  await t.rejects(openTestKek(t, { ...elsewhere, keyName: 'arn:aws:s3:::bucket' }), failure('bad-uri'));
});
t.test('a throttled call is tried again, and then said to be throttled', async (t) => {
  let calls = 0;
  const endpoint = await stubServer(t, (_request, response) => {
    calls++;
    response.writeHead(400, { 'x-amzn-errortype': 'ThrottlingException' }).end('{"message":"Rate exceeded"}');
  });
  const kek = await openTestKek(t, { ...elsewhere, endpoint });
  await t.rejects(kek.wrap(key(), context, call), failure('provider-throttled'));
  t.ok(calls > 1 && calls <= 3, `${calls} calls`);
});
