import t, { type Test } from 'tap';
import { recordName } from '../../src/data-keys/record-name.ts';
import { openHouse, s3Error } from '../support/bad-day.ts';
import { failure } from '../support/failure.ts';
import { faultProxy, type WireFault, type WireScript } from '../support/fault-proxy.ts';
import { unique } from '../support/opened-doors.ts';
import { placeSecrets } from '../support/places.ts';
import { testServices } from '../support/services.ts';
import { STORE_WORLDS, type StoreTrouble, type StoreWorld } from '../support/store-worlds.ts';

t.setTimeout(400_000);
// Any KMS will do, so the one that costs nothing.
const KMS = `kms://cluster-kms?mode=wrap&key=${'A'.repeat(43)}&salt=${'B'.repeat(42)}A`;

type Plan = (method: string, url: string) => WireFault | WireScript | undefined;

const start = (t: Test, storage: string) => testServices(t, { kms: KMS, storage }, { secrets: placeSecrets });

/** A service over a store, with somebody in between who does what `day` says. */
async function house(t: Test, world: StoreWorld) {
  const sky: { day: Plan | undefined } = { day: undefined };
  const proxy = await faultProxy(t, world.endpoint, (_n, method, url) => sky.day?.(method, url), world.env);
  const storage = world.uri({ endpoint: proxy.url });
  const opened = await openHouse(t, KMS, storage);
  const old = await opened.get('old');
  t.match(old, { status: 200, created: true });
  const record = async (id: string) => (await world.get(recordName(id))) ?? { body: '', etag: '' };
  return { ...opened, sky, old, storage, record, put: (id: string, body: string) => world.put(recordName(id), body) };
}

type House = Awaited<ReturnType<typeof house>>;

/** Whatever is asked of a key whose record is not readable here: the same answer, and the record stays as it is. */
async function untouched(t: Test, { ask, get, record }: House, id: string, told: object) {
  const before = await record(id);
  const url = `/v1/data-keys/${id}`;
  for (const create of ['if-missing', 'never', 'must']) t.match(await get(id, { create }), told, create);
  for (const change of ['rotate', 'rewrap', 'restore']) t.match(await ask('POST', `${url}/${change}`), told, change);
  t.match(await ask('GET', url), told);
  t.same(await record(id), before, 'the record is as it was');
}

/** A change of what is not there any more; a rewrap has nothing to do. */
const CHANGES_OLD = {
  rotate: { status: 503, reason: 'store-lagging', retryAfter: 1 },
  rewrap: { status: 200 },
} as const;

const TOLD: Readonly<Record<StoreTrouble, object>> = {
  'no-bucket': { status: 404, reason: 'no-bucket', retryable: false, detail: /create it/ },
  expired: { status: 401, reason: 'credentials-expired', detail: /expired/ },
  throttled: { status: 429, reason: 'provider-throttled', retryable: true, retryAfter: 5 },
  broken: { status: 503, reason: 'store-unreachable', retryable: true, retryAfter: 5 },
  denied: { status: 403, reason: 'provider-denied', retryable: false, detail: /permi/ },
};
const AWAY = { status: 503, reason: 'store-unreachable', retryable: true, retryAfter: 5 };

/** Old keys are had, what would write is refused and makes nothing half, and all is well behind it. */
async function onlyReads(
  t: Test,
  { get, ask, sky, old, record }: House,
  world: StoreWorld,
  says: WireScript,
  told: object,
) {
  sky.day = (method, url) => (world.isWrite(method, url) ? says : undefined);
  t.match(await get('old'), { status: 200, key: old.key });
  t.match(await get('new'), told);
  const before = await record('old');
  t.match(await ask('POST', '/v1/data-keys/old/rotate'), told);
  t.same(await record('old'), before);
  t.equal(await world.get(recordName('new')), undefined);
  sky.day = undefined;
  t.match(await get('new'), { status: 200, created: true });
  t.match(await ask('POST', '/v1/data-keys/old/rotate'), { status: 200, body: { version: 2 } });
  t.match(await get('old', { version: 1 }), { key: old.key });
}

for (const [name, open] of Object.entries(STORE_WORLDS)) {
  t.test(`bad days of ${name}`, async (t) => {
    const newWorld = await open(t);
    if (newWorld === undefined) return;

    t.test('what is missing stops the start with what to do', async (t) => {
      const { uri, at } = await newWorld(t);
      const missing = { [at['bucket'] === undefined ? 'container' : 'bucket']: unique('none') };
      await t.rejects(start(t, uri(missing)), failure('no-bucket', /create it, or (give|say) create=true/));
    });

    t.test('refusals while the service runs, each over with its cause', async (t) => {
      const world = await newWorld(t);
      const { get, ask, sky, old } = await house(t, world);
      for (const [trouble, told] of Object.entries(TOLD)) {
        sky.day = () => world.says[trouble as StoreTrouble];
        t.match(await get('old'), told, trouble);
        t.match(await get('new'), told);
        sky.day = undefined;
        t.match(await get('old'), { status: 200, key: old.key }, 'over without a restart');
      }
      t.match(await ask('GET', '/v1/data-keys'), { body: { dataKeys: [{ dataKeyId: 'old' }] } }, 'nothing was made');
    });

    t.test('a store that only reads: old keys are had, new ones refused, nothing is half made', async (t) => {
      const world = await newWorld(t);
      await onlyReads(t, await house(t, world), world, world.says.denied, TOLD.denied);
    });

    t.test('credentials that only read stop the start', async (t) => {
      const world = await newWorld(t);
      const plan = (_n: number, method: string, url: string) =>
        world.isWrite(method, url) ? world.says.denied : undefined;
      const proxy = await faultProxy(t, world.endpoint, plan, world.env);
      await t.rejects(start(t, world.uri({ endpoint: proxy.url })), failure('provider-denied', /permi/));
    });

    t.test('a record that is truncated, too large or of a format to come is never written over', async (t) => {
      const opened = await house(t, await newWorld(t));
      const { record, put, get, ask, old } = opened;
      const good = (await record('old')).body;
      const days = [
        [good.slice(0, -20), /damaged/],
        [`${good.slice(0, -1)},"more":1}`, /damaged/],
        ['', /damaged/],
        [good.padEnd(1_000_001, ' '), /(more|longer) than 1000000 bytes/],
        [good.replace('"keystead":1', '"keystead":2'), /format 2.* use a newer one/],
      ] as const;
      for (const [content, detail] of days) {
        await put('old', content);
        await untouched(t, opened, 'old', { status: 500, reason: 'record-corrupt', code: 'data_loss', detail });
        t.match(await get('another'), { status: 200 }, 'nobody else is held up');
        const listed = [{ record: recordName('old'), reason: 'record-corrupt', detail }];
        t.match(await ask('GET', '/v1/data-keys'), { body: { dataKeys: [{ dataKeyId: 'another' }], failed: listed } });
        const walk = await ask('POST', '/v1/system/verify-storage');
        t.match(walk.body, { failed: [{ record: recordName('old'), reason: 'record-corrupt', retryable: false }] });
        await put('old', good);
        t.match(await get('old'), { status: 200, key: old.key }, 'over without a restart');
      }
    });

    t.test('two versions of Keystead on one store: what the newer one wrote waits for the newer one', async (t) => {
      const { record, put, get, ask, old, storage } = await house(t, await newWorld(t));
      const same = await openHouse(t, KMS, storage);
      t.match(await same.get('old'), { status: 200, key: old.key }, 'two of one version share every key');
      await get('newer');
      const written = (await record('newer')).body.replace('"keystead":1', '"keystead":2');
      await put('newer', written);
      t.match(await get('newer'), { status: 500, reason: 'record-corrupt', detail: /use a newer one/ });
      t.match(await ask('POST', '/v1/data-keys/-/rewrap-all'), { body: { failed: [{ record: recordName('newer') }] } });
      t.equal((await record('newer')).body, written);
      t.match(await get('old'), { status: 200, key: old.key });
      t.match(await ask('POST', '/v1/data-keys/old/rotate'), { status: 200 });
      t.match(await same.get('old', { version: 1 }), { status: 200, key: old.key });
    });

    t.test('a store that says it created what it did not', async (t) => {
      const world = await newWorld(t);
      const { get, sky } = await house(t, world);
      sky.day = (method, url) => (world.isWrite(method, url) ? world.written : undefined);
      t.match(await get('new'), { status: 503, reason: 'store-lagging', retryable: true, retryAfter: 1 });
      t.equal(await world.get(recordName('new')), undefined);
      sky.day = undefined;
      const told = await get('new');
      t.match(told, { status: 200, created: true });
      t.match(await get('new'), { key: told.key, created: false });
    });

    t.test('a store that answers old data', async (t) => {
      const world = await newWorld(t);
      const { get, ask, sky, old, record } = await house(t, world);
      const first = await record('old');
      t.match(await ask('POST', '/v1/data-keys/old/rotate'), { status: 200, body: { version: 2 } });
      const second = await get('old');
      const now = await record('old');
      sky.day = (method, url) => (world.isRead(method, url) ? world.gives(first) : undefined);
      t.match(await get('old'), { status: 200, key: old.key, body: { version: 1 } }, 'a version is what it was');
      for (const change of ['rotate', 'rewrap'] as const) {
        t.match(await ask('POST', `/v1/data-keys/old/${change}`), CHANGES_OLD[change], change);
      }
      t.same(await record('old'), now, 'nothing is written over what it does not show');
      sky.day = undefined;
      t.match(await get('old'), { status: 200, key: second.key, body: { version: 2 } });
      t.match(await get('old', { version: 1 }), { status: 200, key: old.key });
    });

    t.test('a store that answers another record, under its own id or with the id written over', async (t) => {
      const world = await newWorld(t);
      const { get, ask, sky, old, record } = await house(t, world);
      await get('other');
      const onReads =
        (script: WireScript): Plan =>
        (method, url) =>
          world.isRead(method, url) ? script : undefined;
      sky.day = onReads({ to: world.pathOf(recordName('other')) });
      t.match(await get('old'), { status: 500, reason: 'context-mismatch', code: 'data_loss', retryable: false });
      t.match(await ask('POST', '/v1/data-keys/old/rotate'), { status: 500, reason: 'context-mismatch' });
      const { body, etag } = await record('other');
      sky.day = onReads(world.gives({ body: body.replace('"id":"other"', '"id":"old"'), etag }));
      t.match(await get('old'), { status: 500, reason: 'context-mismatch', code: 'data_loss' });
      sky.day = undefined;
      t.match(await get('old'), { status: 200, key: old.key });
    });

    t.test('a store that is gone between the write and the read-back, or before it answered the write', async (t) => {
      for (const answer of [undefined, 'reset-after'] as const) {
        const world = await newWorld(t);
        const { get, sky, old } = await house(t, world);
        let written = false;
        sky.day = (method, url) => {
          if (written) return 'reset';
          written ||= world.isWrite(method, url);
          return written ? answer : undefined;
        };
        t.match(await get('new'), AWAY, 'nobody gets a key that was not read back');
        t.match(await get('old'), AWAY);
        sky.day = undefined;
        t.match(await get('old'), { status: 200, key: old.key }, 'over without a restart');
        const first = await get('new');
        t.match(first, { status: 200, created: false }, 'what was written is the key');
        t.match(await get('new'), { key: first.key });
      }
    });

    for (const condition of ['create', 'replace'] as const) {
      t.test(`a store that ignores the condition of a ${condition} does not become a store of ours`, async (t) => {
        const world = await newWorld(t);
        const { drops, url: blind } = world.blind(condition);
        const plan = (_n: number, _method: string, url: string) =>
          blind === undefined ? undefined : { to: blind(url) };
        const proxy = await faultProxy(t, world.endpoint, plan, world.env, drops);
        const told = condition === 'create' ? /overwrites/ : /replaces a record that has changed/;
        await t.rejects(start(t, world.uri({ endpoint: proxy.url })), failure('not-supported', told));
      });
    }
  });
}

t.test('what only S3 says', async (t) => {
  const newWorld = await STORE_WORLDS['S3']?.(t);
  if (newWorld === undefined) return;
  const moved = s3Error(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'us-west-2' });

  t.test('a bucket in another region stops the start with the right one, or is refused later', async (t) => {
    const world = await newWorld(t);
    const proxy = await faultProxy(t, world.endpoint, () => moved, world.env);
    await t.rejects(start(t, world.uri({ endpoint: proxy.url })), failure('wrong-region', /right region=/));
    const { get, sky, old } = await house(t, world);
    sky.day = () => moved;
    t.match(await get('old'), { status: 409, reason: 'wrong-region', detail: /region=/ });
    sky.day = undefined;
    t.match(await get('old'), { status: 200, key: old.key }, 'over without a restart');
  });

  t.test('a store that is full: old keys are had, new ones refused, nothing is half made', async (t) => {
    const world = await newWorld(t);
    const told = { status: 507, reason: 'store-full', retryable: true, detail: /full/ };
    await onlyReads(t, await house(t, world), world, s3Error(507, 'InsufficientStorage'), told);
  });
});
