import t from 'tap';
import { KeysteadError } from '../../../src/core/errors.ts';
import type { WrappedKeyStore } from '../../../src/core/store.ts';
import { storeSuite } from '../../conformance/store.ts';
import { failure } from '../../support/failure.ts';
import { testCall } from '../../support/services.ts';
import {
  azureEmulators,
  blobQuery,
  containerAdmin,
  deadAddress,
  newContainer,
  openTestStore,
  stubServer,
  unique,
} from './azure.ts';

const call = testCall();
const bytes = (text: string) => Uint8Array.from(Buffer.from(text));

t.test('on the emulator', async (t) => {
  const env = await azureEmulators(t, ['azurite', 'oidc']);
  if (env === undefined) return;
  const at = blobQuery(env);

  // With a prefix that has to be encoded in every way; without one, everything below.
  storeSuite(t, async (t) => openTestStore(t, { ...(await newContainer(at)), prefix: 'keys/é %2F+&/' }));

  t.test('the prefix is put before every name, and its neighbours are not seen', async (t) => {
    const query = await newContainer(at);
    const all = await openTestStore(t, query);
    const mine = await openTestStore(t, { ...query, prefix: 'mine/' });
    for (const name of ['mine', 'mine0']) await all.create(name, bytes('x'), call);
    await mine.create('a', bytes('1'), call);
    t.same((await all.list('', undefined, 10, call)).items, ['mine', 'mine/a', 'mine0']);
    t.same((await mine.list('', undefined, 10, call)).items, ['a']);
  });
  t.test('of two hundred who create one record over four stores at once, one is told so', async (t) => {
    const query = await newContainer(at);
    const stores = await Promise.all(Array.from({ length: 4 }, () => openTestStore(t, query, 60_000)));
    const said = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        (stores[n % 4] as WrappedKeyStore).create('race', bytes(`caller ${n}`), call),
      ),
    );
    t.equal(said.filter((created) => created).length, 1);
    const read = await stores[0]?.read('race', call);
    t.equal(Buffer.from(read?.bytes ?? []).toString(), `caller ${said.indexOf(true)}`);
  });
  t.test('a list begins at any name, with Azure’s marker or without', async (t) => {
    const store = await openTestStore(t, await newContainer(at));
    for (const name of ['a', 'b', 'c', 'd']) await store.create(name, bytes('x'), call);
    t.same(await store.list('', 'b', 2, call), { items: ['b', 'c'], next: (await store.list('', 'b', 2, call)).next });
    t.same(await store.list('', 'bb', 10, call), { items: ['c', 'd'] });
    t.same(await store.list('', 'z', 1, call), { items: [] });
    t.same(await store.list('', 'b\0', 10, call), { items: ['c', 'd'] });
  });

  t.test('the container is created when the URI says so: private, with a word on who made it', async (t) => {
    const container = unique('keystead');
    const absent = await openTestStore(t, { ...at, container });
    await t.rejects(absent.check(call), failure('no-bucket', /create=true/));
    const nowhere = failure('no-bucket', new RegExp(container));
    await t.rejects(absent.read('a', call), nowhere);
    await t.rejects(absent.create('a', bytes('1'), call), nowhere);
    await t.rejects(absent.list('', undefined, 1, call), nowhere);
    const store = await openTestStore(t, { ...at, container, create: 'true' });
    await Promise.all([store.check(call), store.check(call)]);
    await absent.check(call);
    const { metadata, blobPublicAccess } = await containerAdmin(at, container).getProperties();
    t.match(metadata, { createdby: 'keystead' });
    t.equal(blobPublicAccess, undefined);
  });
  t.test('a record of more than 1 MB is refused when it is read', async (t) => {
    const query = await newContainer(at);
    await containerAdmin(at, query['container'] as string)
      .getBlockBlobClient('big')
      .uploadData(Buffer.alloc(1_000_001));
    const store = await openTestStore(t, query);
    await t.rejects(store.read('big', call), failure('record-corrupt', /1000000 bytes/));
  });
  t.test('an etag that no record has is stale, also one that would match any', async (t) => {
    const store = await openTestStore(t, await newContainer(at));
    await store.create('a', bytes('1'), call);
    for (const etag of ['*', '', '"*"', 'no etag', '"0x1"']) {
      await t.rejects(store.replace('a', bytes('2'), etag, call), failure('stale-etag'), etag);
      await t.rejects(store.delete('a', etag, call), failure('stale-etag'), etag);
    }
    t.equal(Buffer.from((await store.read('a', call))?.bytes ?? []).toString(), '1');
  });
  t.test('a record with snapshots is deleted with them', async (t) => {
    const query = await newContainer(at);
    const store = await openTestStore(t, query);
    await store.create('a', bytes('1'), call);
    await containerAdmin(at, query['container'] as string)
      .getBlobClient('a')
      .createSnapshot();
    await store.delete('a', (await store.read('a', call))?.etag ?? '', call);
    t.equal(await store.read('a', call), undefined);
  });
  t.test('a name that Azure would not take is refused, and none leaves the container', async (t) => {
    const store = await openTestStore(t, await newContainer(at));
    await t.rejects(store.read('', call), failure('not-supported'));
    await t.rejects(store.read('x'.repeat(1025), call), failure('not-supported', /1025/));
    for (const name of ['..', '../a', 'a/../b', './a', 'a/.']) {
      await t.rejects(store.create(name, bytes('1'), call), failure('not-supported', /no part/), name);
    }
    t.equal(await store.create('...a', bytes('1'), call), true);
  });

  t.test('a store that is away is said to be so', async (t) => {
    const store = await openTestStore(t, { ...at, container: 'abc', endpoint: await deadAddress() });
    await t.rejects(store.check(call), failure('store-unreachable', /refused/));
  });
  t.test('a store that never answers costs the time limit, and the caller’s own end comes first', async (t) => {
    const endpoint = await stubServer(t, env, () => {});
    const store = await openTestStore(t, { ...at, container: 'abc', endpoint }, 1000);
    await t.rejects(store.read('a', call), failure('store-timeout', /1000 ms/));
    const patient = await openTestStore(t, { ...at, container: 'abc', endpoint }, 60_000);
    const gone = new AbortController();
    const reading = patient.read('a', testCall({ signal: gone.signal }));
    gone.abort(new KeysteadError('client-gone', 'gone'));
    await t.rejects(reading, failure('client-gone'));
  });
  t.test('a body that stops half way is no record', async (t) => {
    const endpoint = await stubServer(t, env, (_request, response) => {
      response.writeHead(200, { etag: '"1"', 'content-length': '10' });
      response.write('half', () => response.destroy());
    });
    const store = await openTestStore(t, { ...at, container: 'abc', endpoint });
    await t.rejects(store.read('a', call), failure('store-unreachable', /broke/));
  });
  t.test('when the answer to a create is lost, the repetition finds the record and says false', async (t) => {
    const answers = [500, 409];
    const seen: string[] = [];
    const endpoint = await stubServer(t, env, (request, response) => {
      seen.push(`${request.method} ${request.headers['if-none-match']}`);
      const status = answers.shift() ?? 400;
      const code = status === 409 ? 'BlobAlreadyExists' : 'InternalError';
      request.resume().on('end', () => response.writeHead(status, { 'x-ms-error-code': code }).end());
    });
    const store = await openTestStore(t, { ...at, container: 'abc', endpoint });
    t.equal(await store.create('a', bytes('1'), call), false);
    t.same(seen, ['PUT *', 'PUT *']);
  });
  t.test('a list that is not in the order of the bytes is refused', async (t) => {
    const page = (names: readonly string[]) =>
      `<?xml version="1.0"?><EnumerationResults ServiceEndpoint="" ContainerName="abc"><Blobs>${names
        .map((name) => `<Blob><Name>${name}</Name><Properties><Etag>1</Etag></Properties></Blob>`)
        .join('')}</Blobs><NextMarker/></EnumerationResults>`;
    // As accounts with hierarchical namespace do: what is under a/ before a-b.
    const endpoint = await stubServer(t, env, (_request, response) => {
      response.setHeader('content-type', 'application/xml').end(page(['a/b', 'a-b']));
    });
    const store = await openTestStore(t, { ...at, container: 'abc', endpoint });
    await t.rejects(store.list('', undefined, 10, call), failure('not-supported', /hierarchical namespace/));
  });
  t.test('a marker that Azure does not take any more costs a walk from the beginning, and no name', async (t) => {
    const seen: (string | null)[] = [];
    const endpoint = await stubServer(t, env, (request, response) => {
      const marker = new URL(request.url ?? '', 'https://x').searchParams.get('marker');
      seen.push(marker);
      response.setHeader('content-type', 'application/xml');
      if (marker === 'old') {
        const code = 'InvalidQueryParameterValue';
        response.writeHead(400, { 'x-ms-error-code': code });
        return void response.end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
      }
      const [name, next] = marker === null ? ['a', 'm1'] : marker === 'm1' ? ['b', 'm2'] : ['c', ''];
      response.end(
        `<?xml version="1.0"?><EnumerationResults ServiceEndpoint="" ContainerName="abc"><Blobs><Blob><Name>${name}</Name><Properties><Etag>1</Etag></Properties></Blob></Blobs><NextMarker>${next}</NextMarker></EnumerationResults>`,
      );
    });
    const store = await openTestStore(t, { ...at, container: 'abc', endpoint });
    t.same(await store.list('', 'a\0old', 10, call), { items: ['b', 'c'] });
    t.same(seen, ['old', null, 'm1', 'm2']);
    t.same(await store.list('', undefined, 1, call), { items: ['a'], next: 'a\0m1' });
    t.same(await store.list('', 'a\0m1', 1, call), { items: ['b'], next: 'b\0m2' });
  });
  t.test('what is called needs no more rights than the documented ones', async (t) => {
    const query = await newContainer(at);
    const asked = new Set<string>();
    const endpoint = await stubServer(t, env, async (request, response) => {
      const url = new URL(request.url ?? '', at['endpoint']);
      const parts = url.pathname.split('/').length;
      asked.add(`${request.method} ${parts > 3 ? 'blob' : 'container'} ${url.searchParams.get('comp') ?? ''}`.trim());
      const body = Buffer.concat(await request.toArray());
      const headers = Object.entries(request.headers).filter(
        ([name]) => !/^(host|connection|transfer-encoding)$/.test(name),
      );
      const answer = await fetch(new URL(url.pathname.replace(/^\/x/, '/keyservice') + url.search, at['endpoint']), {
        method: request.method ?? '',
        headers: Object.fromEntries(headers) as Record<string, string>,
        ...(body.length === 0 ? {} : { body }),
      });
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
    const store = await openTestStore(t, { ...query, endpoint: `${endpoint}/x` });
    await store.check(call);
    await store.create('a', bytes('1'), call);
    const first = await store.read('a', call);
    await store.replace('a', bytes('2'), first?.etag ?? '', call);
    const second = await store.read('a', call);
    await store.delete('a', second?.etag ?? '', call);
    await store.list('', undefined, 10, call);
    t.same([...asked].sort(), ['DELETE blob', 'GET blob', 'GET container list', 'PUT blob']);
  });
});
