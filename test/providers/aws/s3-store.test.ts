import {
  DeleteObjectCommand,
  GetBucketLocationCommand,
  GetBucketTaggingCommand,
  GetPublicAccessBlockCommand,
  ListObjectsV2Command,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import t from 'tap';
import { KeysteadError } from '../../../src/core/errors.ts';
import { storeSuite } from '../../conformance/store.ts';
import { emulators } from '../../support/emulators.ts';
import { failure } from '../../support/failure.ts';
import { testCall } from '../../support/services.ts';
import {
  bucketAdmin,
  deadAddress,
  motoQuery,
  newBucket,
  openTestStore,
  strictQuery,
  stubServer,
  unique,
} from './aws.ts';

const call = testCall();
const bytes = (text: string) => Uint8Array.from(Buffer.from(text));

t.test('on moto', async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const at = motoQuery(env);

  t.test('a bucket keeps the contract', async (t) => {
    storeSuite(t, async (t) => openTestStore(t, await newBucket(t, at)));
  });
  t.test('a part of a bucket, behind a prefix, keeps the contract', async (t) => {
    storeSuite(t, async (t) => openTestStore(t, { ...(await newBucket(t, at)), prefix: 'team a/+%/' }));
  });
  t.test('the prefix stands before every name, and what is outside it is not seen', async (t) => {
    const query = await newBucket(t, at);
    const admin = bucketAdmin(t, at);
    const Bucket = query['bucket'];
    for (const Key of ['outside', 'p', 'p0', 'q/a']) await admin.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const store = await openTestStore(t, { ...query, prefix: 'p/' });
    await store.create('a', bytes('1'), call);
    t.same(await store.list('', undefined, 10, call), { items: ['a'] });
    t.equal(await store.read('outside', call), undefined);
    const { Contents } = await admin.send(new ListObjectsV2Command({ Bucket, Prefix: 'p/' }));
    t.same(
      Contents?.map(({ Key }) => Key),
      ['p/a'],
    );
  });
  t.test('a list begins at any name, there or not', async (t) => {
    const store = await openTestStore(t, await newBucket(t, at));
    const names = Array.from({ length: 12 }, (_, n) => `n/${String(n).padStart(2, '0')}`);
    await Promise.all(names.map((name) => store.create(name, bytes('x'), call)));
    t.same((await store.list('n/', 'n/05', 2, call)).items, ['n/05', 'n/06']);
    t.same((await store.list('n/', 'n/05x', 2, call)).items, ['n/06', 'n/07']);
    t.same((await store.list('n/', 'a', 1, call)).items, ['n/00']);
    t.same(await store.list('n/', 'n/11', 5, call), { items: ['n/11'] });
    t.same((await store.list('n/', 'n/01', 1, call)).items, ['n/01']);
    t.same(await store.list('n/', 'o', 5, call), { items: [] });
  });

  t.test('a bucket that is not there is an error, which says how to get one', async (t) => {
    const store = await openTestStore(t, { ...at, bucket: unique('none') });
    await t.rejects(store.check(call), failure('no-bucket', /create=true/));
    await t.rejects(store.read('a', call), failure('no-bucket'));
    await t.rejects(store.create('a', bytes('1'), call), failure('no-bucket'));
    await t.rejects(store.replace('a', bytes('1'), '"e"', call), failure('no-bucket'));
    await t.rejects(store.delete('a', '"e"', call), failure('no-bucket'));
    await t.rejects(store.list('', undefined, 1, call), failure('no-bucket'));
  });
  t.test('create=true makes the bucket in its region, closed to the public and tagged, and only once', async (t) => {
    for (const region of ['us-east-1', 'eu-west-1']) {
      const bucket = unique('made');
      const query = { ...at, region, bucket, create: 'true' };
      const store = await openTestStore(t, query);
      await t.rejects(store.read('a', call), failure('no-bucket'), 'not before the check');
      await store.check(call);
      await store.create('a', bytes('1'), call);
      await (await openTestStore(t, query)).check(call);
      t.ok(await store.read('a', call));
      const admin = bucketAdmin(t, query);
      const block = await admin.send(new GetPublicAccessBlockCommand({ Bucket: bucket }));
      t.same(Object.values(block.PublicAccessBlockConfiguration ?? {}), [true, true, true, true]);
      const { TagSet } = await admin.send(new GetBucketTaggingCommand({ Bucket: bucket }));
      t.same(TagSet, [{ Key: 'createdBy', Value: 'keystead' }]);
      const { LocationConstraint } = await admin.send(new GetBucketLocationCommand({ Bucket: bucket }));
      t.equal(LocationConstraint ?? 'us-east-1', region);
    }
  });
  t.test('a record of more than 1 MB is not read', async (t) => {
    const query = await newBucket(t, at);
    const Body = Buffer.alloc(1_000_001);
    await bucketAdmin(t, at).send(new PutObjectCommand({ Bucket: query['bucket'], Key: 'big', Body }));
    await t.rejects((await openTestStore(t, query)).read('big', call), failure('record-corrupt', /1000000/));
  });
  t.test('a name that S3 cannot hold is refused before any call', async (t) => {
    const store = await openTestStore(t, { ...at, bucket: 'none', prefix: 'p/' });
    await t.rejects(store.create('ü'.repeat(512), bytes('1'), call), failure('not-supported', /1026/));
    await t.rejects(store.read('', call), failure('not-supported'));
  });
  t.test('a delete marker leaves room for a new record', async (t) => {
    const query = await newBucket(t, at);
    const admin = bucketAdmin(t, at);
    const Bucket = query['bucket'];
    await admin.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));
    const store = await openTestStore(t, query);
    await store.create('a', bytes('1'), call);
    await admin.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    t.equal(await store.read('a', call), undefined);
    t.equal(await store.create('a', bytes('2'), call), true);
  });
});

t.test('on versitygw, a server with atomic conditional writes', async (t) => {
  const env = await emulators(t, ['versitygw']);
  if (env === undefined) return;
  const at = strictQuery(env);

  t.test('of 200 who create one record at once, one is told so, and its record is the one', async (t) => {
    const query = await newBucket(t, at);
    // Two clients, as two processes have.
    const stores = [await openTestStore(t, query, 15_000), await openTestStore(t, query, 15_000)] as const;
    const said = await Promise.all(
      Array.from({ length: 200 }, (_, n) => stores[n % 2 === 0 ? 0 : 1].create('race', bytes(`caller ${n}`), call)),
    );
    t.equal(said.filter((created) => created).length, 1);
    const read = await stores[0].read('race', call);
    t.equal(Buffer.from(read?.bytes ?? []).toString(), `caller ${said.indexOf(true)}`);
  });
  t.test('of ten who replace one record at once, one gets through', async (t) => {
    const store = await openTestStore(t, await newBucket(t, at));
    await store.create('race', bytes('0'), call);
    const etag = (await store.read('race', call))?.etag as string;
    const all = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) => store.replace('race', bytes(`caller ${n}`), etag, call)),
    );
    t.equal(all.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const one of all) if (one.status === 'rejected') t.match(one.reason, failure('stale-etag'));
  });
  t.test('records, conditions and lists are as on S3', async (t) => {
    const store = await openTestStore(t, { ...(await newBucket(t, at)), prefix: 'team/' });
    await store.check(call);
    await store.check(call);
    for (const name of ['data-keys/b.json', 'data-keys/a.json', 'z']) t.ok(await store.create(name, bytes(name), call));
    t.equal(await store.create('z', bytes('2'), call), false);
    const { items, next } = await store.list('data-keys/', undefined, 1, call);
    t.same(items, ['data-keys/a.json']);
    t.same(await store.list('data-keys/', next, 1, call), { items: ['data-keys/b.json'] });
    const etag = (await store.read('z', call))?.etag as string;
    await store.replace('z', bytes('2'), etag, call);
    await t.rejects(store.delete('z', etag, call), failure('stale-etag'));
    await store.delete('z', (await store.read('z', call))?.etag as string, call);
    await t.rejects(store.delete('z', etag, call), failure('stale-etag'), 'S3 itself says yes here');
    await t.rejects(store.replace('z', bytes('3'), etag, call), failure('stale-etag'));
  });
  t.test('create=true makes a bucket where a server knows no public access block, also for two at once', async (t) => {
    const query = { ...at, bucket: unique('made'), create: 'true' };
    const stores = [await openTestStore(t, query), await openTestStore(t, query)];
    await Promise.all(stores.map((store) => store.check(call)));
  });
  t.test('a wrong secret and a wrong region are told apart', async (t) => {
    const query = await newBucket(t, at);
    const wrong = await openTestStore(t, { ...query, accessKey: 'env://TEST_ACCESS_KEY' });
    await t.rejects(wrong.check(call), failure('provider-credentials'));
    const elsewhere = await openTestStore(t, { ...query, region: 'eu-west-1' });
    await t.rejects(elsewhere.check(call), failure('wrong-region', /us-east-1/));
  });
});

const nowhere = { region: 'eu-west-1', accessKeyID: 'test', accessKey: 'env://TEST_ACCESS_KEY', bucket: 'b12' };

t.test('a server that is away is said to be so', async (t) => {
  const store = await openTestStore(t, { ...nowhere, endpoint: await deadAddress() });
  await t.rejects(store.check(call), failure('store-unreachable', /refused/));
});
t.test('a server that never answers costs the time limit, and the caller’s own end comes first', async (t) => {
  const endpoint = await stubServer(t, () => {});
  const store = await openTestStore(t, { ...nowhere, endpoint }, 50);
  await t.rejects(store.create('a', bytes('1'), call), failure('store-timeout', /50 ms/));
  const patient = await openTestStore(t, { ...nowhere, endpoint }, 60_000);
  const gone = new AbortController();
  const reading = patient.read('a', testCall({ signal: gone.signal }));
  gone.abort(new KeysteadError('client-gone', 'gone'));
  await t.rejects(reading, failure('client-gone'));
});
t.test('a body that stops in the middle costs the time limit, too', async (t) => {
  const endpoint = await stubServer(t, (_request, response) => {
    response.writeHead(200, { etag: '"1"', 'content-length': '10' }).write('12345');
  });
  const store = await openTestStore(t, { ...nowhere, endpoint }, 200);
  await t.rejects(store.read('a', call), failure('store-timeout'));
});
t.test('a write whose answer was lost is never taken for another’s', async (t) => {
  // The first PUT arrives and its connection breaks; the SDK repeats it and meets its own record.
  let puts = 0;
  const endpoint = await stubServer(t, (request, response) => {
    request.resume().on('end', () => {
      if (++puts === 1) response.destroy();
      else response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
    });
  });
  const store = await openTestStore(t, { ...nowhere, endpoint });
  t.equal(await store.create('a', bytes('1'), call), false);
  t.equal(puts, 2);
});
t.test('a conflict with a write that is still going on is settled by looking', async (t) => {
  let there = true;
  const endpoint = await stubServer(t, (request, response) => {
    request.resume().on('end', () => {
      if (request.method === 'PUT')
        response.writeHead(409).end('<Error><Code>ConditionalRequestConflict</Code></Error>');
      else if (there) response.writeHead(200, { etag: '"1"' }).end('x');
      else response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
    });
  });
  const store = await openTestStore(t, { ...nowhere, endpoint });
  t.equal(await store.create('a', bytes('1'), call), false);
  await t.rejects(store.replace('a', bytes('1'), '"1"', call), failure('stale-etag'));
  there = false;
  await t.rejects(store.create('a', bytes('1'), call), failure('concurrent-write'));
});
t.test('a 404 that is not S3’s own is no absent record', async (t) => {
  const endpoint = await stubServer(t, (_request, response) => response.writeHead(404).end('<html>not here</html>'));
  const store = await openTestStore(t, { ...nowhere, endpoint });
  await t.rejects(store.read('a', call), failure('store-unreachable', /not one of AWS/));
});
t.test('names come back as they are where the server encodes them', async (t) => {
  const endpoint = await stubServer(t, (_request, response) => {
    response.end(
      '<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents><Key>a+b%2B%25%C3%BC</Key></Contents></ListBucketResult>',
    );
  });
  const store = await openTestStore(t, { ...nowhere, endpoint });
  t.same(await store.list('', undefined, 10, call), { items: ['a b+%ü'] });
});
t.test('a list gives more than S3 does at once', async (t) => {
  const asked: string[] = [];
  const endpoint = await stubServer(t, (request, response) => {
    const query = new URL(request.url ?? '', 'http://s3').searchParams;
    asked.push(`${query.get('max-keys')} after ${query.get('start-after')}`);
    const first = asked.length === 1;
    const keys = Array.from({ length: first ? 1000 : 2 }, (_, n) => (first ? 1000 : 2000) + n);
    const contents = keys.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('');
    response.end(`<ListBucketResult><IsTruncated>${first}</IsTruncated>${contents}</ListBucketResult>`);
  });
  const store = await openTestStore(t, { ...nowhere, endpoint });
  const { items, next } = await store.list('', undefined, 1500, call);
  t.same([items.length, items.at(-1), next], [1002, '2001', undefined]);
  t.same(asked, ['1000 after null', '500 after 1999']);
});
t.test('a store that ignores the condition is refused', async (t) => {
  let record = '';
  let writes = 0;
  const endpoint = await stubServer(t, async (request, response) => {
    if (request.method === 'PUT') {
      record = Buffer.concat(await request.toArray()).toString();
      writes += 1;
    }
    if (request.method === 'GET' && request.url?.includes('list-type')) return response.end('<ListBucketResult/>');
    if (request.method === 'GET' && record === '')
      return response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
    return response.writeHead(200, { etag: `"${writes}"` }).end(request.method === 'PUT' ? '' : record);
  });
  const store = await openTestStore(t, { ...nowhere, endpoint });
  await t.rejects(store.check(call), failure('not-supported', /first callers/));
});
t.test('a directory bucket is refused, for it does not list in order', async (t) => {
  await t.rejects(openTestStore(t, { ...nowhere, bucket: 'b--euw1-az1--x-s3' }), failure('not-supported', /directory/));
});
