import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import t, { type Test } from 'tap';
import { recordName } from '../../src/data-keys/record-name.ts';
import { bucketAdmin, motoQuery, newBucket, unique } from '../providers/aws/aws.ts';
import { type OpenedHouse, openHouse, s3Error } from '../support/bad-day.ts';
import { emulators } from '../support/emulators.ts';
import { failure } from '../support/failure.ts';
import { faultProxy, type WireFault, type WireScript } from '../support/fault-proxy.ts';
import { uriText } from '../support/opened-doors.ts';
import { placeSecrets } from '../support/places.ts';
import { testServices } from '../support/services.ts';

t.setTimeout(120_000);
// Any KMS will do, so the one that costs nothing.
const KMS = `kms://cluster-kms?mode=wrap&key=${'A'.repeat(43)}&salt=${'B'.repeat(42)}A`;

type Plan = (method: string, url: string) => WireFault | WireScript | undefined;

/** A service over a bucket, with somebody in between who does what `day` says. */
async function house(t: Test, env: Record<string, string>) {
  const at = await newBucket(t, motoQuery(env));
  const world: { day: Plan | undefined } = { day: undefined };
  const proxy = await faultProxy(t, at['endpoint'] ?? '', (_n, method, url) => world.day?.(method, url), env);
  const behind = bucket(t, at);
  const storage = uriText('storage://aws', { ...at, endpoint: proxy.url });
  const opened = await openHouse(t, KMS, storage);
  const old = await opened.get('old');
  t.match(old, { status: 200, created: true });
  return { ...opened, world, behind, old, at, storage };
}

/** The bucket itself, past every check of ours. */
function bucket(t: Test, at: Record<string, string>) {
  const s3 = bucketAdmin(t, at);
  const of = (id: string) => ({ Bucket: at['bucket'] ?? '', Key: recordName(id) });
  return {
    async get(id: string) {
      const { Body, ETag } = await s3.send(new GetObjectCommand(of(id)));
      return { body: (await Body?.transformToString()) ?? '', etag: ETag ?? '' };
    },
    put: (id: string, Body: string) => s3.send(new PutObjectCommand({ ...of(id), Body })),
  };
}

type Bucket = ReturnType<typeof bucket>;
const text = async (behind: Bucket, id: string) => (await behind.get(id)).body;
const put = (behind: Bucket, id: string, content: string) => behind.put(id, content);
const isThere = (behind: Bucket, id: string) =>
  behind.get(id).then(
    () => true,
    () => false,
  );

const writes: (answer: WireScript) => Plan = (answer) => (method) => (method === 'PUT' ? answer : undefined);
const records: (fault: WireFault | WireScript, method: string) => Plan = (fault, method) => (its, url) =>
  its === method && url.includes('/data-keys/') && !url.includes('list-type') ? fault : undefined;

/** Whatever is asked of a key whose record is not readable here: the same answer, and the record stays as it is. */
async function untouched(t: Test, { ask, get }: OpenedHouse, behind: Bucket, id: string, told: object) {
  const before = await text(behind, id);
  const url = `/v1/data-keys/${id}`;
  for (const create of ['if-missing', 'never', 'must']) t.match(await get(id, { create }), told, create);
  for (const change of ['rotate', 'rewrap', 'restore']) t.match(await ask('POST', `${url}/${change}`), told, change);
  t.match(await ask('GET', url), told);
  t.equal(await text(behind, id), before, 'the record is as it was');
}

/** A change of what is not there any more; a rewrap has nothing to do. */
const CHANGES_OLD = {
  rotate: { status: 503, reason: 'store-lagging', retryAfter: 1 },
  rewrap: { status: 200 },
} as const;

t.test('bad days of the store', async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const start = (t: Test, names: Record<string, string>) =>
    testServices(t, { kms: KMS, storage: uriText('storage://aws', names) }, { secrets: placeSecrets });

  t.test('a bucket that is missing, or in another region, stops the start with what to do', async (t) => {
    const at = motoQuery(env);
    await t.rejects(
      start(t, { ...at, bucket: unique('none') }),
      failure('no-bucket', /create it, or give create=true/),
    );
    const moved = s3Error(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'us-west-2' });
    const proxy = await faultProxy(t, at['endpoint'] ?? '', () => moved, env);
    const elsewhere = start(t, { ...at, bucket: 'bucket', endpoint: proxy.url });
    await t.rejects(elsewhere, failure('wrong-region', /right region=/));
  });

  t.test('refusals of the store while the service runs, each over with its cause', async (t) => {
    const { get, ask, world, old } = await house(t, env);
    const always: readonly [ReturnType<typeof s3Error>, object][] = [
      [s3Error(404, 'NoSuchBucket'), { status: 404, reason: 'no-bucket', retryable: false }],
      [s3Error(301, 'PermanentRedirect'), { status: 409, reason: 'wrong-region', detail: /region=/ }],
      [
        s3Error(400, 'ExpiredToken'),
        { status: 401, reason: 'credentials-expired', detail: /credentials have expired/ },
      ],
      [s3Error(503, 'SlowDown'), { status: 429, reason: 'provider-throttled', retryable: true, retryAfter: 5 }],
      [s3Error(500, 'InternalError'), { status: 503, reason: 'store-unreachable', retryable: true, retryAfter: 5 }],
    ];
    for (const [answer, told] of always) {
      world.day = () => answer;
      t.match(await get('old'), told, answer.body);
      t.match(await get('new'), told);
      world.day = undefined;
      t.match(await get('old'), { status: 200, key: old.key }, 'over without a restart');
    }
    t.match(await ask('GET', '/v1/data-keys'), { body: { dataKeys: [{ dataKeyId: 'old' }] } }, 'nothing was made');
  });

  t.test('a store that only reads, or is full: old keys are had, new ones refused, nothing is half made', async (t) => {
    const { get, ask, world, old, behind } = await house(t, env);
    const days = [
      [s3Error(403, 'AccessDenied'), { status: 403, reason: 'provider-denied', retryable: false }],
      [s3Error(507, 'InsufficientStorage'), { status: 507, reason: 'store-full', retryable: true, detail: /full/ }],
    ] as const;
    for (const [answer, told] of days) {
      world.day = writes(answer);
      t.match(await get('old'), { status: 200, key: old.key });
      t.match(await get('new'), told);
      const before = await text(behind, 'old');
      t.match(await ask('POST', '/v1/data-keys/old/rotate'), told);
      t.equal(await text(behind, 'old'), before);
      t.notOk(await isThere(behind, 'new'));
    }
    world.day = undefined;
    t.match(await get('new'), { status: 200, created: true });
    t.match(await ask('POST', '/v1/data-keys/old/rotate'), { status: 200, body: { version: 2 } });
    t.match(await get('old', { version: 1 }), { key: old.key });
  });

  t.test('credentials that only read stop the start', async (t) => {
    const at = await newBucket(t, motoQuery(env));
    const proxy = await faultProxy(
      t,
      at['endpoint'] ?? '',
      (_n, method) => writes(s3Error(403, 'AccessDenied'))(method, ''),
      env,
    );
    await t.rejects(start(t, { ...at, endpoint: proxy.url }), failure('provider-denied', /permi/));
  });

  t.test('a record that is truncated, too large or of a format to come is never written over', async (t) => {
    const opened = await house(t, env);
    const { behind, get, ask, old } = opened;
    const good = await text(behind, 'old');
    const days = [
      [good.slice(0, -20), /damaged/],
      [`${good.slice(0, -1)},"more":1}`, /damaged/],
      ['', /damaged/],
      [good.padEnd(1_000_001, ' '), /more than 1000000 bytes/],
      [good.replace('"keystead":1', '"keystead":2'), /format 2.* use a newer one/],
    ] as const;
    for (const [content, detail] of days) {
      await put(behind, 'old', content);
      await untouched(t, opened, behind, 'old', { status: 500, reason: 'record-corrupt', code: 'data_loss', detail });
      t.match(await get('another'), { status: 200 }, 'nobody else is held up');
      const walk = await ask('POST', '/v1/system/verify-storage');
      t.match(walk.body, { failed: [{ record: recordName('old'), reason: 'record-corrupt', retryable: false }] });
      await put(behind, 'old', good);
      t.match(await get('old'), { status: 200, key: old.key }, 'over without a restart');
    }
  });

  t.test('two versions of Keystead on one store: what the newer one wrote waits for the newer one', async (t) => {
    const { behind, get, ask, old, storage } = await house(t, env);
    const same = await openHouse(t, KMS, storage);
    t.match(await same.get('old'), { status: 200, key: old.key }, 'two of one version share every key');
    await get('newer');
    const written = (await text(behind, 'newer')).replace('"keystead":1', '"keystead":2');
    await put(behind, 'newer', written);
    t.match(await get('newer'), { status: 500, reason: 'record-corrupt', detail: /use a newer one/ });
    t.match(await ask('POST', '/v1/data-keys/-/rewrap-all'), { body: { failed: [{ record: recordName('newer') }] } });
    t.equal(await text(behind, 'newer'), written);
    t.match(await get('old'), { status: 200, key: old.key });
    t.match(await ask('POST', '/v1/data-keys/old/rotate'), { status: 200 });
    t.match(await same.get('old', { version: 1 }), { status: 200, key: old.key });
  });

  t.test('a store that says it created what it did not', async (t) => {
    const { get, world, behind } = await house(t, env);
    world.day = records({ status: 200, headers: { etag: '"a"' } }, 'PUT');
    t.match(await get('new'), { status: 503, reason: 'store-lagging', retryable: true, retryAfter: 1 });
    t.notOk(await isThere(behind, 'new'));
    world.day = undefined;
    const told = await get('new');
    t.match(told, { status: 200, created: true });
    t.match(await get('new'), { key: told.key, created: false });
  });

  t.test('a store that answers old data', async (t) => {
    const { get, ask, world, old, behind } = await house(t, env);
    const { body, etag } = await behind.get('old');
    t.match(await ask('POST', '/v1/data-keys/old/rotate'), { status: 200, body: { version: 2 } });
    const second = await get('old');
    const now = await text(behind, 'old');
    world.day = records({ status: 200, headers: { etag }, body }, 'GET');
    t.match(await get('old'), { status: 200, key: old.key, body: { version: 1 } }, 'a version is what it was');
    for (const change of ['rotate', 'rewrap']) {
      t.match(await ask('POST', `/v1/data-keys/old/${change}`), CHANGES_OLD[change as 'rotate'], change);
    }
    t.equal(await text(behind, 'old'), now, 'nothing is written over what it does not show');
    world.day = undefined;
    t.match(await get('old'), { status: 200, key: second.key, body: { version: 2 } });
    t.match(await get('old', { version: 1 }), { status: 200, key: old.key });
  });

  t.test('a store that answers another record, under its own id or with the id written over', async (t) => {
    const { get, ask, world, old, behind, at } = await house(t, env);
    await get('other');
    const other = `/${at['bucket']}/${recordName('other')}?x-id=GetObject`;
    world.day = records({ to: other }, 'GET');
    t.match(await get('old'), { status: 500, reason: 'context-mismatch', code: 'data_loss', retryable: false });
    t.match(await ask('POST', '/v1/data-keys/old/rotate'), { status: 500, reason: 'context-mismatch' });
    const forged = (await text(behind, 'other')).replace('"id":"other"', '"id":"old"');
    world.day = records({ status: 200, headers: { etag: '"a"' }, body: forged }, 'GET');
    t.match(await get('old'), { status: 500, reason: 'context-mismatch', code: 'data_loss' });
    world.day = undefined;
    t.match(await get('old'), { status: 200, key: old.key });
  });

  t.test('a store that ignores conditions does not become a store of ours', async (t) => {
    const at = await newBucket(t, motoQuery(env));
    const proxy = await faultProxy(t, at['endpoint'] ?? '', () => undefined, env, ['if-none-match', 'if-match']);
    await t.rejects(start(t, { ...at, endpoint: proxy.url }), failure('not-supported', /give another store/));
  });
});
