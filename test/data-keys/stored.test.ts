import t from 'tap';
import { dataKeyContext } from '../../src/core/context.ts';
import { checkValue } from '../../src/core/derive.ts';
import type { Kek } from '../../src/core/kek.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { readRecord, type WrappedRecord, writeRecord } from '../../src/core/wrapped-record.ts';
import type { CreateMode, DataKey } from '../../src/data-keys/data-keys.ts';
import { recordName } from '../../src/data-keys/record-name.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { dataKeysSuite } from '../conformance/data-keys.ts';
import { openClusterKek, sealedClusterKek, secretOf } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { recordedSecrets } from '../support/recorded-secrets.ts';
import { testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';

const call = testCall();
const ask = (id: string, create: CreateMode = 'if-missing', length = 32) => ({ id, length, create });
const hex = ({ key }: DataKey) => Buffer.from(key.expose()).toString('hex');

dataKeysSuite(t, async (t) => (await storedHouse(t)).dataKeys);

t.test('the first call makes the key, the next one gets it', async (t) => {
  const { dataKeys } = await storedHouse(t);
  const first = await dataKeys.get(ask('a'), call);
  t.match(first, { id: 'a', version: 1, created: true, source: 'stored' });
  const second = await dataKeys.get(ask('a'), call);
  t.match(second, { id: 'a', version: 1, created: false, source: 'stored' });
  t.equal(hex(second), hex(first));
});

t.test('create "never" makes nothing, create "must" takes nothing that is there', async (t) => {
  const { dataKeys, store } = await storedHouse(t);
  await t.rejects(dataKeys.get(ask('a', 'never'), call), failure('no-data-key'));
  t.equal(await store.read(recordName('a'), call), undefined);
  t.match(await dataKeys.get(ask('a', 'must'), call), { created: true });
  await t.rejects(dataKeys.get(ask('a', 'must'), call), failure('data-key-exists'));
  t.match(await dataKeys.get(ask('a', 'never'), call), { created: false });
});

t.test(
  'who must create does not look first, unless Constellation may have stored the key under another name',
  async (t) => {
    const calls = async (over: { constellation?: boolean }) => {
      const store = faultyStore(memoryStore(), () => undefined);
      const { dataKeys } = await storedHouse(t, { store, ...over });
      t.match(await dataKeys.get(ask('a', 'must'), call), { created: true });
      return store.calls;
    };
    t.same(await calls({}), ['create', 'read']);
    t.same(await calls({ constellation: true }), ['read', 'read', 'create', 'read']);
  },
);

t.test('who must create a version asks for a key that was, and makes none', async (t) => {
  const { dataKeys, store } = await storedHouse(t);
  await t.rejects(dataKeys.get({ ...ask('a', 'must'), version: 1 }, call), failure('no-data-key'));
  t.equal(await store.read(recordName('a'), call), undefined);
  await dataKeys.get(ask('a'), call);
  await t.rejects(dataKeys.get({ ...ask('a', 'must'), version: 1 }, call), failure('data-key-exists'));
});

t.test('who must create a key that was purged gets the next version', async (t) => {
  const { dataKeys } = await storedHouse(t, { restorableMs: -60 * 60 * 1000 });
  const first = await dataKeys.get(ask('a'), call);
  await dataKeys.delete('a', (await dataKeys.describe('a', call)).etag ?? '', call);
  const second = await dataKeys.get(ask('a', 'must'), call);
  t.match(second, { version: 2, created: true });
  t.not(hex(second), hex(first));
});

t.test('who must create leaves a key that is deleted, but not purged, alone', async (t) => {
  const { dataKeys } = await storedHouse(t);
  const first = await dataKeys.get(ask('a'), call);
  await dataKeys.delete('a', (await dataKeys.describe('a', call)).etag ?? '', call);
  await t.rejects(dataKeys.get(ask('a', 'must'), call), failure('pending-deletion'));
  await dataKeys.restore('a', call);
  t.equal(hex(await dataKeys.get(ask('a'), call)), hex(first));
});

t.test('of callers at once who must create, one does', async (t) => {
  const { dataKeys } = await storedHouse(t);
  const ends = await Promise.allSettled(Array.from({ length: 5 }, () => dataKeys.get(ask('a', 'must'), call)));
  t.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const end of ends) if (end.status === 'rejected') t.match(end.reason, { reason: 'data-key-exists' });
});

t.test('a stored key keeps its length', async (t) => {
  const { dataKeys } = await storedHouse(t);
  await dataKeys.get(ask('a'), call);
  await t.rejects(dataKeys.get(ask('a', 'if-missing', 64), call), failure('length-mismatch', /32 bytes long, 64/));
});

t.test('a version that is asked for is never made anew', async (t) => {
  const { dataKeys, store } = await storedHouse(t);
  await t.rejects(dataKeys.get({ ...ask('a'), version: 1 }, call), failure('no-data-key'));
  t.equal(await store.read(recordName('a'), call), undefined);
});

t.test('of several versions the newest is given, and every one that is asked for', async (t) => {
  const { dataKeys, kek, store } = await storedHouse(t);
  const keys = [secretOf('one'), secretOf('two'), secretOf('five')];
  const versions = await Promise.all(
    [1, 2, 5].map((version, n) => wrapVersion(kek, 'a', version, keys[n] as SecretBytes)),
  );
  await store.create(recordName('a'), writeRecord({ id: 'a', versions } as unknown as WrappedRecord), call);
  const got = await dataKeys.get(ask('a'), call);
  t.equal(got.version, 5);
  t.ok(got.key.equals(secretOf('five')));
  for (const [n, version] of [1, 2, 5].entries()) {
    t.ok((await dataKeys.get({ ...ask('a'), version }, call)).key.equals(keys[n] as SecretBytes));
  }
  await t.rejects(dataKeys.get({ ...ask('a'), version: 3 }, call), failure('no-version', /newest version is 5/));
  t.match(await dataKeys.describe('a', call), { version: 5 });
});

t.test('what is stored is wrapped: nothing of the key is in the store', async (t) => {
  const { dataKeys, store } = await storedHouse(t);
  const { key } = await dataKeys.get(ask('a'), call);
  const record = Buffer.from((await store.read(recordName('a'), call))?.bytes ?? []);
  for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const) {
    t.notOk(record.includes(Buffer.from(key.expose()).toString(form)));
  }
});

t.test('a check value is stored, but not for a key so short that it could be found by trying', async (t) => {
  const { dataKeys, store } = await storedHouse(t);
  for (const length of [15, 16]) {
    const { key } = await dataKeys.get(ask(`${length}`, 'must', length), call);
    const stored = await store.read(recordName(`${length}`), call);
    const { versions } = readRecord(stored?.bytes ?? new Uint8Array(), 'x') as WrappedRecord;
    const { check } = versions[0];
    t.same(check && [...check], length < 16 ? undefined : [...checkValue(key)]);
  }
});

t.test('describe and list tell what is known without opening anything', async (t) => {
  const { dataKeys, kek, store } = await storedHouse(t);
  await dataKeys.get(ask('a', 'must', 48), call);
  const sealed = (await storedHouse(t, { store, kek: sealedClusterKek(t) })).dataKeys;
  const { kek: uri, version: kekVersion } = await kek.wrap(secretOf('x'), {}, call);
  const expected = {
    id: 'a',
    version: 1,
    source: 'stored',
    length: 48,
    kek: uri,
    kekVersion,
    createdAt: new Date(Date.UTC(2030, 0, 1)),
    etag: (await store.read(recordName('a'), call))?.etag,
    state: 'active',
  };
  t.same(await sealed.describe('a', call), expected);
  t.same(await sealed.list('', undefined, 10, call), { items: [expected] });
  await t.rejects(sealed.describe('b', call), failure('no-data-key'));
});

t.test('a list holds the ids with the prefix, in pages, however long the ids are', async (t) => {
  const { dataKeys, store } = await storedHouse(t);
  const long = `a/${'x'.repeat(700)}`;
  const ids = ['a', 'a/b', 'a/b.json', 'b', '.', `${long}1`, `${long}2`, `${long.slice(0, 650)}`];
  for (const id of ids) await dataKeys.get(ask(id), call);
  await store.create('keystead-kek.json', new Uint8Array(3), call);
  for (const prefix of ['', 'a', 'a/', 'a/b', 'a/b.json', 'b', '.', long, `${long}1`, 'c', 'b.j']) {
    for (const size of [1, 3, 100]) {
      const found: string[] = [];
      let from: string | undefined;
      do {
        const page = await dataKeys.list(prefix, from, size, call);
        t.ok(page.items.length <= size);
        found.push(...page.items.map(({ id }) => id));
        from = page.next;
      } while (from !== undefined);
      t.same(found.sort(), ids.filter((id) => id.startsWith(prefix)).sort(), `${prefix.slice(0, 9)} by ${size}`);
    }
  }
});

t.test('a damaged record hides no other from a list, which names it where it may be asked for', async (t) => {
  const { dataKeys, store } = await storedHouse(t);
  const long = 'c'.repeat(700);
  for (const id of ['a', 'b', 'c', long]) await dataKeys.get(ask(id), call);
  const copy = (await store.read(recordName('a'), call))?.bytes ?? new Uint8Array();
  for (const [id, bytes] of [
    ['b', copy.subarray(0, -3)],
    ['b/of-a', copy],
    [`${long}d`, copy.subarray(1)],
  ] as const) {
    const there = await store.read(recordName(id), call);
    if (there === undefined) await store.create(recordName(id), bytes, call);
    else await store.replace(recordName(id), bytes, there.etag, call);
  }
  const corrupt = { name: recordName('b'), reason: 'record-corrupt', message: /damaged/, retryable: false } as const;
  const copied = { name: recordName('b/of-a'), reason: 'context-mismatch', message: /another/ } as const;
  const tooLong = { name: recordName(`${long}d`), reason: 'record-corrupt' } as const;
  for (const [prefix, ids, wrong] of [
    ['', ['a', 'c', long], [copied, corrupt, tooLong]],
    ['b', [], [copied, corrupt]],
    ['b.', [], []],
    ['b/', [], [copied]],
    ['a', ['a'], []],
    [long, [long], [tooLong]],
  ] as const) {
    for (const size of [1, 2, 100]) {
      const [found, failures]: [string[], unknown[]] = [[], []];
      let from: string | undefined;
      do {
        const page = await dataKeys.list(prefix, from, size, call);
        found.push(...page.items.map(({ id }) => id));
        failures.push(...(page.failures ?? []));
        from = page.next;
      } while (from !== undefined);
      t.same(found.sort(), [...ids].sort(), `${prefix.slice(0, 9)} by ${size}`);
      t.match(failures, wrong);
      t.equal(failures.length, wrong.length);
      t.notOk(
        failures.some((failure) => 'id' in (failure as object)),
        'of whom a copy is, is not told',
      );
    }
  }
  const away = faultyStore(store, (operation, n) => (operation === 'read' && n === 2 ? 'fails' : undefined));
  const { dataKeys: cut } = await storedHouse(t, { store: away });
  await t.rejects(
    cut.list('', undefined, 10, call),
    failure('store-unreachable'),
    'what is not damaged is not left out',
  );
});

t.test('a record that is deleted while a list is made is left out', async (t) => {
  const inner = memoryStore();
  const { dataKeys } = await storedHouse(t, { store: inner });
  for (const id of ['a', 'b', 'c']) await dataKeys.get(ask(id), call);
  const store = faultyStore(inner, (operation, n) => (operation === 'read' && n === 2 ? 'forgets' : undefined));
  const page = await (await storedHouse(t, { store })).dataKeys.list('', undefined, 10, call);
  t.same(
    page.items.map(({ id }) => id),
    ['a', 'c'],
  );
});

t.test('two records that were swapped do not open, and one copied to another id does not either', async (t) => {
  const { dataKeys, store } = await storedHouse(t);
  await dataKeys.get(ask('a'), call);
  await dataKeys.get(ask('b'), call);
  const [a, b] = [await store.read(recordName('a'), call), await store.read(recordName('b'), call)];
  await store.replace(recordName('a'), b?.bytes ?? new Uint8Array(), a?.etag ?? '', call);
  await t.rejects(dataKeys.get(ask('a'), call), failure('context-mismatch'));
  await t.rejects(dataKeys.describe('a', call), failure('context-mismatch'));
  const forged = Buffer.from(a?.bytes ?? [])
    .toString()
    .replace('"id":"a"', '"id":"c"');
  await store.create(recordName('c'), Buffer.from(forged), call);
  await t.rejects(dataKeys.get(ask('c'), call), failure('context-mismatch'), 'also where its id was changed');
  t.match(await dataKeys.get(ask('b'), call), { id: 'b' });
});

t.test('a record whose version, length or check was changed does not open', async (t) => {
  const { dataKeys, store } = await storedHouse(t);
  await dataKeys.get(ask('a'), call);
  const whole = Buffer.from((await store.read(recordName('a'), call))?.bytes ?? []).toString();
  const check = /"check":"(..)/.exec(whole)?.[1] ?? '';
  const changes = [
    ['"version":1', '"version":2', 32, 'context-mismatch'],
    ['"length":32', '"length":33', 33, 'context-mismatch'],
    [`"check":"${check}`, `"check":"${check === 'AA' ? 'BB' : 'AA'}`, 32, 'record-corrupt'],
    ['"id":"a"', '"id":', 32, 'record-corrupt'],
  ] as const;
  for (const [from, to, length, reason] of changes) {
    const other = memoryStore();
    await other.create(recordName('a'), Buffer.from(whole.replace(from, to)), call);
    const changed = (await storedHouse(t, { store: other })).dataKeys;
    await t.rejects(changed.get(ask('a', 'never', length), call), failure(reason), to);
  }
});

t.test('a store that answers with the record of another id is found out', async (t) => {
  const inner = memoryStore();
  await (await storedHouse(t, { store: inner })).dataKeys.get(ask('b'), call);
  const store = faultyStore(inner, (operation) => (operation === 'read' ? { answers: recordName('b') } : undefined));
  const { dataKeys } = await storedHouse(t, { store });
  await t.rejects(dataKeys.get(ask('a'), call), failure('context-mismatch'));
});

t.test('nothing is handed out that was not stored: a store that only pretends to create', async (t) => {
  const store = faultyStore(memoryStore(), (operation) => (operation === 'create' ? 'pretends' : undefined));
  const { dataKeys } = await storedHouse(t, { store });
  await t.rejects(dataKeys.get(ask('a'), call), failure('store-lagging'));
  t.ok(store.calls.filter((operation) => operation === 'read').length < 10, 'and it is not asked for ever');
});

t.test('a store that shows a new record late is waited for', async (t) => {
  const inner = memoryStore();
  const late = faultyStore(inner, (operation, n) => (operation === 'read' && n < 4 ? 'forgets' : undefined));
  const key = await (await storedHouse(t, { store: late })).dataKeys.get(ask('a'), call);
  t.equal(key.created, true);
  t.equal(hex(await (await storedHouse(t, { store: inner })).dataKeys.get(ask('a'), call)), hex(key));
});

t.test('a loser whose store shows the record late gets the key of the winner', async (t) => {
  const inner = memoryStore();
  const winner = await (await storedHouse(t, { store: inner })).dataKeys.get(ask('a'), call);
  const late = faultyStore(inner, (operation, n) => (operation === 'read' && n < 4 ? 'forgets' : undefined));
  const loser = await (await storedHouse(t, { store: late })).dataKeys.get(ask('a'), call);
  t.equal(loser.created, false);
  t.equal(hex(loser), hex(winner));
});

t.test('a store that says "created" over the record of somebody else is found out', async (t) => {
  const inner = memoryStore();
  await (await storedHouse(t, { store: inner })).dataKeys.get(ask('a'), call);
  const store = faultyStore(inner, (operation, n) =>
    operation === 'create' ? 'pretends' : operation === 'read' && n === 1 ? 'forgets' : undefined,
  );
  const { dataKeys } = await storedHouse(t, { store });
  const made = recordedSecrets(t);
  await t.rejects(dataKeys.get(ask('a'), call), failure('store-inconsistent'));
  for (const secret of made) t.ok(secret.disposed);
});

t.test('a create whose answer was lost leaves a key, which the next call gets', async (t) => {
  const inner = memoryStore();
  const store = faultyStore(inner, (operation) => (operation === 'create' ? 'loses-answer' : undefined));
  const { dataKeys } = await storedHouse(t, { store });
  await t.rejects(dataKeys.get(ask('a'), call), failure('store-unreachable'));
  const [one, two] = [await dataKeys.get(ask('a'), call), await dataKeys.get(ask('a'), call)];
  t.equal(one.created, false);
  t.equal(hex(one), hex(two));
});

t.test('who is told "not created" by a repeated request has created all the same', async (t) => {
  const store = faultyStore(memoryStore(), (operation) => (operation === 'create' ? 'repeats' : undefined));
  const { dataKeys } = await storedHouse(t, { store });
  t.match(await dataKeys.get(ask('a', 'must'), call), { created: true });
});

t.test('a KEK that does not give back what it wrapped is found out before anybody has the key', async (t) => {
  const kek = await openClusterKek(t);
  const context = dataKeyContext('a', 1, 32);
  const wrong: Kek = { ...plain(kek), unwrap: async () => secretOf('another key') };
  const made = recordedSecrets(t);
  await t.rejects((await storedHouse(t, { kek: wrong })).dataKeys.get(ask('a'), call), failure('record-corrupt'));
  for (const secret of made) t.ok(secret.disposed);
  const short: Kek = { ...plain(kek), unwrap: async () => SecretBytes.own(new Uint8Array(31)) };
  await t.rejects((await storedHouse(t, { kek: short })).dataKeys.get(ask('a'), call), failure('record-corrupt'));
  t.ok((await kek.unwrap(await kek.wrap(secretOf('k'), context), context)).equals(secretOf('k')));
});

t.test('a sealed KEK makes and opens nothing', async (t) => {
  const store = memoryStore();
  const kek = sealedClusterKek(t);
  const { dataKeys } = await storedHouse(t, { store, kek });
  await t.rejects(dataKeys.get(ask('a'), call), failure('sealed'));
  t.equal(await store.read(recordName('a'), call), undefined);
});

t.test('whatever goes wrong, every secret but the answer is wiped', async (t) => {
  const faults = ['fails', 'loses-answer', 'pretends', 'repeats', undefined] as const;
  for (const fault of faults) {
    const store = faultyStore(memoryStore(), (operation) => (operation === 'create' ? fault : undefined));
    const { dataKeys } = await storedHouse(t, { store });
    await t.test(`${fault ?? 'nothing'} goes wrong`, async (t) => {
      const made = recordedSecrets(t);
      const answer = await dataKeys.get(ask('a'), call).catch(() => undefined);
      for (const secret of made) t.equal(secret.disposed, secret !== answer?.key);
      t.ok(made.length > 0);
    });
  }
});

t.test('a call that is over waits for nobody, and gets no key', async (t) => {
  for (const operation of ['read', 'create'] as const) {
    const store = faultyStore(memoryStore(), (asked) => (asked === operation ? 'hangs' : undefined));
    const { dataKeys } = await storedHouse(t, { store });
    const controller = new AbortController();
    const answer = dataKeys.get(ask('a'), testCall({ signal: controller.signal }));
    await new Promise(setImmediate);
    controller.abort();
    await t.rejects(answer, failure('client-gone'), `hanging ${operation}`);
  }
});

t.test('a key that is unwrapped too late is wiped', async (t) => {
  const late = Promise.withResolvers<SecretBytes>();
  const kek: Kek = { ...plain(await openClusterKek(t)), unwrap: () => late.promise };
  const { dataKeys } = await storedHouse(t, { kek });
  const controller = new AbortController();
  const answer = dataKeys.get(ask('a'), testCall({ signal: controller.signal }));
  await new Promise(setImmediate);
  controller.abort();
  await t.rejects(answer, failure('client-gone'));
  const key = secretOf('k');
  late.resolve(key);
  await new Promise(setImmediate);
  t.ok(key.disposed);
});

/** The methods of a KEK as plain functions, to replace some. */
function plain(kek: Kek): Kek {
  return {
    uri: kek.uri,
    wrap: (key, context, call) => kek.wrap(key, context, call),
    unwrap: (wrapped, context, call) => kek.unwrap(wrapped, context, call),
    check: (call) => kek.check(call),
    close: () => kek.close(),
  };
}

async function wrapVersion(kek: Kek, id: string, version: number, key: SecretBytes) {
  const wrapped = await kek.wrap(key, dataKeyContext(id, version, key.length), call);
  return { version, wrapped, length: key.length, check: checkValue(key), createdAt: new Date(0) };
}
