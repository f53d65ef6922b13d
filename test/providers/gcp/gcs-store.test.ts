import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import t, { type Test } from 'tap';
import type { WrappedKeyStore } from '../../../src/core/store.ts';
import type { StorageUriOf } from '../../../src/core/uri-schemas.ts';
import type { ClientDeps } from '../../../src/providers/gcp/client.ts';
import { crc32cText } from '../../../src/providers/gcp/crc32c.ts';
import { openGcsStore } from '../../../src/providers/gcp/gcs-store.ts';
import { storeSuite } from '../../conformance/store.ts';
import { emulators } from '../../support/emulators.ts';
import { failure } from '../../support/failure.ts';
import { freePort } from '../../support/free-port.ts';
import { testCall } from '../../support/services.ts';
import {
  answerJson,
  documentedPermissions,
  fakeHttp,
  googleError,
  hangingServer,
  type Recorded,
  secrets,
} from './fakes.ts';
import { strictGcs } from './strict-gcs.ts';

const call = testCall();
const bytes = (text: string) => Uint8Array.from(Buffer.from(text));
const newName = () => `b-${randomBytes(8).toString('hex')}`;

async function openStore(
  t: Test,
  over: Partial<StorageUriOf<'gcp'>>,
  deps: Partial<ClientDeps> = {},
): Promise<WrappedKeyStore> {
  const place = { projectID: 'p', bucket: 'a-bucket', create: false };
  const store = await openGcsStore({ scheme: 'storage', provider: 'gcp', ...place, ...over }, { secrets, ...deps });
  t.teardown(() => store.close());
  return store;
}

t.test('on the emulator', async (t) => {
  const env = await emulators(t, ['fake-gcs']);
  if (env === undefined) return;
  const endpoint = env['GCS_ENDPOINT_URL'] ?? '';
  const newBucket = async (t: Test) => {
    const bucket = newName();
    const answer = await fetch(`${endpoint}/storage/v1/b?project=p`, {
      method: 'POST',
      body: JSON.stringify({ name: bucket }),
    });
    t.equal(answer.status, 200);
    return bucket;
  };

  const strict = await strictGcs(t, endpoint);
  storeSuite(t, async (t) => openStore(t, { bucket: await newBucket(t), endpoint: strict }));
  t.test('with a prefix', async (t) => {
    storeSuite(t, async (t) => openStore(t, { bucket: await newBucket(t), prefix: 'keys/é/', endpoint: strict }));
  });

  t.test('the prefix is put before every name, and its neighbours are not seen', async (t) => {
    const bucket = await newBucket(t);
    const all = await openStore(t, { bucket, endpoint });
    const mine = await openStore(t, { bucket, prefix: 'mine/', endpoint });
    await all.create('mine', bytes('x'), call);
    await all.create('mine0', bytes('x'), call);
    await mine.create('a', bytes('1'), call);
    t.same((await all.list('', undefined, 10, call)).items, ['mine', 'mine/a', 'mine0']);
    t.same((await mine.list('', undefined, 10, call)).items, ['a']);
  });

  t.test('of two hundred who create one record over four stores at once, one is told so', async (t) => {
    const bucket = await newBucket(t);
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore(t, { bucket, endpoint })));
    const said = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        (stores[n % 4] as WrappedKeyStore).create('race', bytes(`caller ${n}`), call),
      ),
    );
    t.equal(said.filter((created) => created).length, 1);
    const read = await stores[0]?.read('race', call);
    t.equal(Buffer.from(read?.bytes ?? []).toString(), `caller ${said.indexOf(true)}`);
  });

  t.test('a name that looks like the placeholder of the SDK stays a name', async (t) => {
    const store = await openStore(t, { bucket: await newBucket(t), endpoint });
    t.equal(await store.create('{{projectId}}', bytes('braces'), call), true);
    t.equal(await store.create('p', bytes('p'), call), true);
    t.same((await store.list('', undefined, 10, call)).items, ['p', '{{projectId}}']);
    t.same((await store.read('{{projectId}}', call))?.bytes, bytes('braces'));
  });

  t.test('a missing bucket is an error of the check, which says how to create it', async (t) => {
    const bucket = newName();
    const store = await openStore(t, { bucket, endpoint });
    await t.rejects(store.check(call), failure('no-bucket', new RegExp(`${bucket}.*create=true`)));
    await t.rejects(store.create('a', bytes('1'), call), failure('no-bucket'));
  });

  t.test('with create=true the check creates the bucket, once, whoever is first', async (t) => {
    const bucket = newName();
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore(t, { bucket, create: true, endpoint })));
    await Promise.all(stores.map((store) => store.check(call)));
    t.equal(await stores[0]?.create('a', bytes('1'), call), true);
    t.equal(await stores[1]?.create('a', bytes('2'), call), false);
  });

  t.test('a record over 1 MB, which somebody else put there, is refused', async (t) => {
    const bucket = await newBucket(t);
    const store = await openStore(t, { bucket, endpoint });
    await store.create('fits', new Uint8Array(1_000_000), call);
    await store.create('big', new Uint8Array(1_000_001), call);
    t.equal((await store.read('fits', call))?.bytes.length, 1_000_000);
    await t.rejects(store.read('big', call), failure('record-corrupt', /big.*1000000/));
  });

  t.test('the variable of the SDK names the emulator where the URI does not', async (t) => {
    const bucket = await newBucket(t);
    process.env['STORAGE_EMULATOR_HOST'] = endpoint;
    t.teardown(() => delete process.env['STORAGE_EMULATOR_HOST']);
    const store = await openStore(t, { bucket });
    t.equal(await store.create('a', bytes('1'), call), true);
  });
});

/** A bucket with one object, as far as a test asks; `answer` comes first and says whether it has answered. */
async function fakeStorage(t: Test, answer: (request: Recorded, response: ServerResponse, turn: number) => boolean) {
  let turn = 0;
  return fakeHttp(t, (request, response) => {
    turn += 1;
    if (answer(request, response, turn)) return;
    if (request.query.get('alt') === 'media') {
      const headers = { 'x-goog-generation': '5', 'x-goog-hash': `crc32c=${crc32cText(bytes('record'))}` };
      response.writeHead(200, headers).end('record');
      return;
    }
    answerJson(response, 200, { name: 'a-bucket', generation: '5' });
  });
}

t.test('a bucket is created closed to the public, in its place and labelled', async (t) => {
  const { url, requests } = await fakeStorage(t, (request, response) => {
    if (request.method !== 'GET' || request.path !== '/storage/v1/b/a-bucket') return false;
    answerJson(response, 404, googleError(404, 'notFound', 'The specified bucket does not exist.'));
    return true;
  });
  const store = await openStore(t, { create: true, location: 'europe-west3', endpoint: url });
  await t.rejects(store.check(call)); // this fake says "created" of everything, which the proof refuses
  const created = requests.find(({ method, path }) => method === 'POST' && path === '/storage/v1/b');
  t.equal(created?.query.get('project'), 'p');
  t.same(JSON.parse(created?.body ?? ''), {
    name: 'a-bucket',
    location: 'europe-west3',
    iamConfiguration: { uniformBucketLevelAccess: { enabled: true }, publicAccessPrevention: 'enforced' },
    labels: { 'created-by': 'keystead' },
  });
});

t.test('a bucket name that belongs to somebody else is denied', async (t) => {
  const { url } = await fakeStorage(t, (request, response, turn) => {
    const [code, reason] =
      request.method === 'POST' ? [409, 'conflict'] : turn === 1 ? [404, 'notFound'] : [403, 'forbidden'];
    answerJson(response, Number(code), googleError(Number(code), String(reason), 'storage.buckets.get denied'));
    return true;
  });
  const store = await openStore(t, { create: true, endpoint: url });
  await t.rejects(store.check(call), failure('provider-denied', /storage\.buckets\.get/));
});

t.test('the store calls what the documented permissions allow, and every write is conditional', async (t) => {
  const { url, requests } = await fakeStorage(t, () => false);
  const store = await openStore(t, { endpoint: url });
  await store.read('a', call);
  await store.create('a', bytes('1'), call);
  await store.replace('a', bytes('2'), '5', call);
  await store.list('', undefined, 10, call);
  await store.delete('a', '5', call);
  const shown = requests.map(({ method, path, query }) => [method, path, query.get('ifGenerationMatch')]);
  t.same(shown, [
    ['GET', '/storage/v1/b/a-bucket/o/a', null], // storage.objects.get
    ['POST', '/upload/storage/v1/b/a-bucket/o', '0'], // storage.objects.create
    ['POST', '/upload/storage/v1/b/a-bucket/o', '5'], // storage.objects.create, storage.objects.delete
    ['GET', '/storage/v1/b/a-bucket/o', null], // storage.objects.list
    ['DELETE', '/storage/v1/b/a-bucket/o/a', '5'], // storage.objects.delete
  ]);
  const called = ['get', 'create', 'delete', 'list'].map((name) => `storage.objects.${name}`);
  const ofTheCheck = ['storage.buckets.get', 'storage.buckets.create'];
  t.same(documentedPermissions('storage').toSorted(), [...called, ...ofTheCheck].toSorted());
  for (const { headers } of requests) {
    t.match(headers['user-agent'], /^keystead/);
    t.equal(headers.authorization, undefined, 'no credentials go to an endpoint without TLS');
  }
});

t.test('an etag that cannot be a generation is stale and not sent: 0 would mean "not there"', async (t) => {
  const { url, requests } = await fakeStorage(t, () => false);
  const store = await openStore(t, { endpoint: url });
  for (const etag of ['0', '', '-1', '5&x=y']) {
    await t.rejects(store.replace('a', bytes('1'), etag, call), failure('stale-etag'));
    await t.rejects(store.delete('a', etag, call), failure('stale-etag'));
  }
  t.equal(requests.length, 0);
});

t.test('a success whose answer was lost is a false, never an error, and never true for another', async (t) => {
  const { url, requests } = await fakeStorage(t, (_request, response, turn) => {
    if (turn === 1) response.socket?.destroy();
    else
      answerJson(
        response,
        412,
        googleError(412, 'conditionNotMet', 'At least one of the pre-conditions did not hold.'),
      );
    return true;
  });
  const store = await openStore(t, { endpoint: url });
  t.equal(await store.create('a', bytes('1'), call), false);
  t.equal(requests.length, 2);
});

t.test('a server error is worth another try, throttling is for the caller to see', async (t) => {
  const failing = await fakeStorage(t, (_request, response, turn) => {
    if (turn > 2) return false;
    answerJson(response, 503, googleError(503, 'backendError', 'Backend Error'));
    return true;
  });
  t.match(await (await openStore(t, { endpoint: failing.url })).read('a', call), { etag: '5' });
  const busy = await fakeStorage(t, (_request, response) => {
    answerJson(response, 429, googleError(429, 'rateLimitExceeded', 'slow down'), { 'retry-after': '3' });
    return true;
  });
  const refused = await openStore(t, { endpoint: busy.url });
  await t.rejects(refused.read('a', call), { ...failure('provider-throttled'), retryAfter: 3 });
  t.equal(busy.requests.length, 1);
});

t.test('a record that was damaged on its way is not handed out', async (t) => {
  const { url } = await fakeStorage(t, (_request, response) => {
    response.writeHead(200, { 'x-goog-generation': '5', 'x-goog-hash': 'crc32c=AAAAAA==' }).end('record');
    return true;
  });
  await t.rejects((await openStore(t, { endpoint: url })).read('a', call), failure('store-unreachable', /damaged/));
});

t.test('a 404 is an absent record only where Cloud Storage says so', async (t) => {
  const answers: [string, string | undefined][] = [
    ['No such object: a-bucket/a', undefined],
    ['The specified bucket does not exist.', 'no-bucket'],
    ['<html><body>404 Not Found</body></html>', 'store-unreachable'],
    ['', 'store-unreachable'],
  ];
  for (const [body, reason] of answers) {
    const { url } = await fakeStorage(t, (_request, response) => {
      response.writeHead(404, { 'content-type': 'text/html; charset=UTF-8' }).end(body);
      return true;
    });
    const read = (await openStore(t, { endpoint: url })).read('a', call);
    t.equal(await read.catch((error: { reason: string }) => error.reason), reason, body);
  }
});

t.test('a server that gives short pages is walked to the end of ours', async (t) => {
  const { url, requests } = await fakeStorage(t, (request, response) => {
    const token = Number(request.query.get('pageToken') ?? 0);
    const items = [{ name: `keys/${token}` }];
    answerJson(response, 200, token < 4 ? { items, nextPageToken: String(token + 1) } : { items });
    return true;
  });
  const store = await openStore(t, { prefix: 'keys/', endpoint: url });
  t.same(await store.list('', '0', 3, call), { items: ['0', '1', '2'], next: '3' });
  t.match(requests[0]?.query.get('startOffset'), 'keys/0');
  t.same(await store.list('', undefined, 9, call), { items: ['0', '1', '2', '3', '4'] });
});

t.test('a server that is away is unreachable within the deadline', async (t) => {
  const store = await openStore(t, { endpoint: `http://127.0.0.1:${await freePort()}` });
  await t.rejects(store.read('a', call), failure('store-unreachable', /refused/));
  await t.rejects(store.check(call), failure('store-unreachable', /refused/));
  const tls = await openStore(t, { endpoint: (await fakeHttp(t, () => {})).url.replace('http:', 'https:') });
  await t.rejects(tls.read('a', call), /./);
});

t.test('a server that hangs is a timeout, and keeps no connection of ours', async (t) => {
  const { port, sockets } = await hangingServer(t);
  const store = await openStore(t, { endpoint: `http://127.0.0.1:${port}` }, { timeoutMs: 150 });
  for (const hanging of [
    store.read('a', call),
    store.create('a', bytes('1'), call),
    store.list('', undefined, 1, call),
  ]) {
    await t.rejects(hanging as Promise<unknown> as Promise<void>, failure('store-timeout', /150 ms/));
  }
  await Promise.all([...sockets].map((socket) => once(socket, 'close')));
  t.equal(sockets.size, 0);
});

t.test('a body that stops half way ends at the deadline', async (t) => {
  const { url } = await fakeStorage(t, (_request, response) => {
    response.writeHead(200, { 'x-goog-generation': '5', 'content-length': '10' }).write('half');
    return true;
  });
  await t.rejects(
    (await openStore(t, { endpoint: url }, { timeoutMs: 150 })).read('a', call),
    failure('store-timeout'),
  );
});

t.test('the end of the call wins over the deadline', async (t) => {
  const store = await openStore(t, { endpoint: `http://127.0.0.1:${(await hangingServer(t)).port}` });
  const gone = new AbortController();
  const waiting = store.read('a', testCall({ signal: gone.signal }));
  gone.abort();
  await t.rejects(waiting, failure('client-gone'));
});

t.test('the URI of the store names the place and no credentials', async (t) => {
  const store = await openStore(t, { prefix: 'keys/', endpoint: 'http://127.0.0.1:9' });
  t.equal(store.uri, 'storage://gcp?projectID=p&bucket=a-bucket&prefix=keys/&endpoint=http://127.0.0.1:9');
});
