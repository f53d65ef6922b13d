import t, { type Test } from 'tap';
import { keyAdmin, motoQuery, unique } from '../providers/aws/aws.ts';
import { keyAdmin as vaultAdmin, vaultQuery } from '../providers/azure/azure.ts';
import { kmsError, openHouse } from '../support/bad-day.ts';
import { failure } from '../support/failure.ts';
import { faultProxy, type WireScript } from '../support/fault-proxy.ts';
import { uriText } from '../support/opened-doors.ts';
import { KEK_PLACES, placeEmulators, placeSecrets, STORE_PLACES } from '../support/places.ts';
import { testServices } from '../support/services.ts';

t.setTimeout(400_000);

type Env = Record<string, string>;
const newStore = (t: Test, env: Env) => (STORE_PLACES['S3'] as (t: Test, env: Env) => Promise<string>)(t, env);

t.test('bad days of the KMS', async (t) => {
  const env = await placeEmulators(t);
  if (env === undefined) return;
  const at = motoQuery(env);
  const admin = keyAdmin(t, env);
  /** Whether a service would start. */
  const start = async (t: Test, kms: string) =>
    testServices(t, { kms, storage: await newStore(t, env) }, { secrets: placeSecrets });

  t.test('a key in another region: the service does not start, and says why', async (t) => {
    const { id, arn } = await admin.create();
    const both = uriText('kms://aws', { ...at, keyName: arn, region: 'us-east-1' });
    await t.rejects(start(t, both), failure('wrong-region', /leave region= out/));
    const elsewhere = uriText('kms://aws', { ...at, keyName: id, region: 'us-east-1' });
    await t.rejects(start(t, elsewhere), failure('no-kek', /check keyName and region/));
  });

  t.test('a key of the wrong type: the same', async (t) => {
    const kinds = [
      { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' },
      { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' },
      { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' },
    ] as const;
    for (const kind of kinds) {
      const { id } = await admin.create(kind);
      const kms = uriText('kms://aws', { ...at, keyName: id });
      await t.rejects(start(t, kms), failure('wrong-key-type', /SYMMETRIC_DEFAULT/), kind.KeySpec);
    }
    const vault = vaultAdmin(env['AZURE_KEYVAULT_URL'] ?? '');
    const { name } = await vault.createRsaKey(unique('sign'), { keySize: 2048, keyOps: ['sign', 'verify'] });
    const kms = uriText('kms://azure', { ...vaultQuery(env), keyName: name });
    await t.rejects(start(t, kms), failure('wrong-key-type'));
  });

  t.test('a key of another account: not found, or denied, and nothing is made', async (t) => {
    const keyName = 'arn:aws:kms:eu-west-1:999999999999:key/12345678-1234-1234-1234-123456789012';
    await t.rejects(start(t, uriText('kms://aws', { ...at, keyName })), failure('no-kek'));
  });

  for (const [name, newKek] of Object.entries(KEK_PLACES)) {
    if (name === 'the cluster KEK') continue;
    t.test(`a key in ${name} that is disabled, and enabled again, while the service runs`, async (t) => {
      const kek = await newKek(t, env);
      const { get, ask } = await openHouse(t, kek.uri, await newStore(t, env));
      const before = await get('old');
      t.equal(before.status, 200);
      await kek.disable?.();
      t.match(await get('old'), { status: 409, reason: 'key-stopped', retryable: false, detail: /enable it/ });
      t.match(await get('new'), { status: 409, reason: 'key-stopped' });
      t.match(await ask('GET', '/readyz'), { status: 503, detail: /kms/ });
      t.match(await ask('GET', '/v1/data-keys'), { body: { dataKeys: [{ dataKeyId: 'old' }] } }, 'nothing was made');
      await kek.enable?.();
      t.match(await get('old'), { status: 200, key: before.key });
      t.match(await get('new'), { status: 200, created: true });
    });
  }

  t.test('refusals of AWS KMS while the service runs, each over with its cause', async (t) => {
    let script: WireScript | 'reset' | undefined;
    const proxy = await faultProxy(t, at['endpoint'] ?? '', () => script, env);
    const { id } = await admin.create();
    const kms = uriText('kms://aws', { ...at, keyName: id, endpoint: proxy.url });
    const { get, ask } = await openHouse(t, kms, await newStore(t, env));
    const before = await get('old');
    const days = [
      [
        kmsError(400, 'ExpiredTokenException'),
        { status: 401, reason: 'credentials-expired', detail: /credentials have expired/ },
      ],
      [kmsError(400, 'AccessDeniedException'), { status: 403, reason: 'provider-denied', detail: /permit/ }],
      [
        kmsError(400, 'ThrottlingException'),
        { status: 429, reason: 'provider-throttled', retryable: true, retryAfter: 5 },
      ],
      [kmsError(400, 'KMSInvalidStateException', 'arn:… is pending deletion.'), { reason: 'key-pending-deletion' }],
      [kmsError(500, 'KMSInternalException'), { status: 503, reason: 'kms-unreachable', retryAfter: 5 }],
      ['reset', { status: 503, reason: 'kms-unreachable', retryAfter: 5 }],
    ] as const;
    for (const [day, told] of days) {
      script = day;
      t.match(await get('old'), told, JSON.stringify(day));
      t.match(await get('new'), told);
      script = undefined;
      t.match(await get('old'), { status: 200, key: before.key }, 'over without a restart');
    }
    t.match(await ask('GET', '/v1/data-keys'), { body: { dataKeys: [{ dataKeyId: 'old' }] } }, 'nothing was made');
    t.match(await get('new'), { status: 200, created: true });
  });

  t.test('a key that is pending deletion opens again when that is cancelled', async (t) => {
    const { id } = await admin.create();
    const { get } = await openHouse(t, uriText('kms://aws', { ...at, keyName: id }), await newStore(t, env));
    const before = await get('old');
    await admin.scheduleDeletion(id);
    const told = { status: 409, reason: 'key-pending-deletion', detail: /cancel/ };
    t.match(await get('old'), told);
    t.match(await get('new'), told);
    await admin.cancelDeletion(id);
    t.match(await get('old'), { status: 409, reason: 'key-stopped' }, 'AWS leaves it disabled');
    await admin.enable(id);
    t.match(await get('old'), { status: 200, key: before.key });
  });
});
