import type { Test } from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { proveConditionalWrites } from '../../src/core/store-check.ts';
import { failure } from '../support/failure.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const bytes = (text: string) => Uint8Array.from(Buffer.from(text));
const textOf = (stored: { readonly bytes: Uint8Array } | undefined) => stored && Buffer.from(stored.bytes).toString();

/**
 * Every promise of the store contract, for any store.
 *
 * @param open gives a store with no records in it, which it closes with the test.
 */
export function storeSuite(t: Test, open: (t: Test) => Promise<WrappedKeyStore>): void {
  records(t, open);
  conditions(t, open);
  races(t, open);
  lists(t, open);
  readiness(t, open);
}

function records(t: Test, open: (t: Test) => Promise<WrappedKeyStore>): void {
  t.test('a record that was never written is not there', async (t) => {
    const store = await open(t);
    t.equal(await store.read('nothing', call), undefined);
  });
  t.test('a record is read as it was written: empty, binary, large', async (t) => {
    const store = await open(t);
    const all = Uint8Array.from({ length: 256 }, (_, n) => n);
    const large = Uint8Array.from({ length: 1_000_000 }, (_, n) => (n * 31) % 251);
    for (const [name, content] of Object.entries({ empty: new Uint8Array(0), all, large })) {
      t.equal(await store.create(name, content, call), true, `creates ${name}`);
      const read = await store.read(name, call);
      t.equal(Buffer.compare(read?.bytes ?? bytes('no record'), content), 0, `reads ${name}`);
    }
  });
  t.test('names are told apart by every character, and nothing in them is decoded', async (t) => {
    const store = await open(t);
    for (const name of ODD_NAMES) t.equal(await store.create(name, bytes(`in ${name}`), call), true, name);
    for (const name of ODD_NAMES) t.equal(textOf(await store.read(name, call)), `in ${name}`);
  });
  t.test('what is written or read is a copy', async (t) => {
    const store = await open(t);
    const given = bytes('as given');
    await store.create('a', given, call);
    given.fill(0);
    const read = await store.read('a', call);
    t.equal(textOf(read), 'as given');
    read?.bytes.fill(0);
    t.equal(textOf(await store.read('a', call)), 'as given');
  });
  t.test('a call that is over changes nothing, and says why it is over', async (t) => {
    const store = await open(t);
    const over = testCall({ signal: AbortSignal.abort(new KeysteadError('timeout', 'the deadline has passed')) });
    await t.rejects(store.create('a', bytes('1'), over), failure('timeout'));
    await t.rejects(store.read('a', over), failure('timeout'));
    await t.rejects(store.list('', undefined, 10, over), failure('timeout'));
    t.equal(await store.read('a', call), undefined);
  });
}

function conditions(t: Test, open: (t: Test) => Promise<WrappedKeyStore>): void {
  t.test('create says false where there is a record, and leaves it alone', async (t) => {
    const store = await open(t);
    t.equal(await store.create('a', bytes('first'), call), true);
    const before = await store.read('a', call);
    t.equal(await store.create('a', bytes('second'), call), false);
    t.same(await store.read('a', call), before);
  });
  t.test('the etag stays while the record does, and changes with it', async (t) => {
    const store = await open(t);
    await store.create('a', bytes('1'), call);
    const first = await etagOf(store, 'a');
    t.equal(await etagOf(store, 'a'), first);
    await store.replace('a', bytes('2'), first, call);
    t.not(await etagOf(store, 'a'), first);
    t.equal(textOf(await store.read('a', call)), '2');
  });
  t.test('replace and delete refuse a stale etag, and leave the record alone', async (t) => {
    const store = await open(t);
    await store.create('a', bytes('1'), call);
    const stale = await etagOf(store, 'a');
    await store.replace('a', bytes('2'), stale, call);
    await t.rejects(store.replace('a', bytes('3'), stale, call), failure('stale-etag'));
    await t.rejects(store.delete('a', stale, call), failure('stale-etag'));
    t.equal(textOf(await store.read('a', call)), '2');
  });
  t.test('replace and delete refuse a record that is gone, and do not bring it back', async (t) => {
    const store = await open(t);
    await store.create('a', bytes('1'), call);
    const etag = await etagOf(store, 'a');
    await store.delete('a', etag, call);
    await t.rejects(store.replace('a', bytes('2'), etag, call), failure('stale-etag'));
    await t.rejects(store.delete('a', etag, call), failure('stale-etag'));
    t.equal(await store.read('a', call), undefined);
  });
  t.test('a record that was deleted can be created again, and the old etag does not fit it', async (t) => {
    const store = await open(t);
    await store.create('a', bytes('old'), call);
    const etag = await etagOf(store, 'a');
    await store.delete('a', etag, call);
    t.equal(await store.create('a', bytes('new'), call), true);
    await t.rejects(store.delete('a', etag, call), failure('stale-etag'));
    t.equal(textOf(await store.read('a', call)), 'new');
  });
}

function races(t: Test, open: (t: Test) => Promise<WrappedKeyStore>): void {
  t.test('of fifty who create one record at once, one is told so, and its record is the one', async (t) => {
    const store = await open(t);
    const callers = Array.from({ length: 50 }, (_, n) => `caller ${n}`);
    const said = await Promise.all(callers.map((caller) => store.create('race', bytes(caller), call)));
    t.equal(said.filter((created) => created).length, 1);
    t.equal(textOf(await store.read('race', call)), callers[said.indexOf(true)]);
  });
  t.test('of ten who replace one record at once, one gets through', async (t) => {
    const store = await open(t);
    await store.create('race', bytes('0'), call);
    const etag = await etagOf(store, 'race');
    const callers = Array.from({ length: 10 }, (_, n) => `caller ${n}`);
    const ends = await Promise.allSettled(callers.map((caller) => store.replace('race', bytes(caller), etag, call)));
    const through = ends.flatMap((end, n) => (end.status === 'fulfilled' ? [callers[n]] : []));
    t.equal(through.length, 1);
    t.equal(textOf(await store.read('race', call)), through[0]);
    for (const end of ends) if (end.status === 'rejected') t.match(end.reason, { reason: 'stale-etag' });
  });
}

function lists(t: Test, open: (t: Test) => Promise<WrappedKeyStore>): void {
  t.test('a list of nothing is empty, and has no next page', async (t) => {
    const store = await open(t);
    t.same(await store.list('no-such/', undefined, 10, call), { items: [] });
  });
  t.test('a list holds the names with the prefix, in the order of their bytes', async (t) => {
    const store = await open(t);
    for (const name of ODD_NAMES) await store.create(name, bytes('x'), call);
    const sorted = ODD_NAMES.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const prefix of ['', 'a', 'a/', 'a/b', 'a%2F', 'A', 'z']) {
      const page = await store.list(prefix, undefined, 100, call);
      t.same(page, { items: sorted.filter((name) => name.startsWith(prefix)) }, `prefix "${prefix}"`);
    }
  });
  t.test('pages of every size give every name once', async (t) => {
    const store = await open(t);
    const names = Array.from({ length: 7 }, (_, n) => `page/${n}`);
    for (const name of ['before', ...names, 'qage']) await store.create(name, bytes('x'), call);
    for (const size of [1, 2, 3, 6, 7, 8]) t.same(await walk(store, 'page/', size), names, `pages of ${size}`);
  });
  t.test('a walk goes on although the record that was to come next is gone', async (t) => {
    const store = await open(t);
    for (const name of ['a', 'b', 'c', 'd']) await store.create(name, bytes('x'), call);
    const { items, next } = await store.list('', undefined, 2, call);
    await store.delete('c', await etagOf(store, 'c'), call);
    t.same(items, ['a', 'b']);
    t.same((await store.list('', next, 2, call)).items, ['d']);
  });
}

function readiness(t: Test, open: (t: Test) => Promise<WrappedKeyStore>): void {
  t.test('check proves that writes are conditional, as often as it is asked', async (t) => {
    const store = await open(t);
    await store.check(call);
    await store.check(call);
    await Promise.all([store.check(call), store.check(call)]);
  });
  for (const ignoring of ['create', 'replace'] as const) {
    t.test(`the proof refuses a store that ignores the condition of ${ignoring}`, async (t) => {
      const store = faultyStore(await open(t), (operation) => (operation === ignoring ? 'overwrites' : undefined));
      await t.rejects(proveConditionalWrites(store, call), failure('not-supported'));
      await t.rejects(proveConditionalWrites(store, call), failure('not-supported'));
    });
  }
}

const ODD_NAMES = [
  'a',
  'A',
  'a/b',
  'a/B',
  'a%2Fb',
  'a%252Fb',
  'a/b/c.json',
  'a~_-.json',
  '...json',
  '.hidden.json',
  'z%00.json',
  'z%20z.json',
  `z/${'long'.repeat(160)}`,
] as const;

async function etagOf(store: WrappedKeyStore, name: string): Promise<string> {
  return (await store.read(name, call))?.etag ?? 'no record';
}

async function walk(store: WrappedKeyStore, prefix: string, size: number): Promise<string[]> {
  const names: string[] = [];
  let from: string | undefined;
  do {
    const page = await store.list(prefix, from, size, call);
    names.push(...page.items);
    from = page.next;
  } while (from !== undefined);
  return names;
}
