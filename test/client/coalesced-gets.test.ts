import t from 'tap';
import { CoalescedGets } from '../../src/client/coalesced-gets.ts';
import { type DataKey, type GetOptions, KeysteadClient } from '../../src/client/index.ts';
import { KeysteadError } from '../../src/core/errors.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { rejection } from '../support/rejection.ts';

/** A client that remembers what it was asked, and answers when the test lets it. */
function client() {
  const calls: { readonly ids: string[]; readonly signal: AbortSignal | undefined }[] = [];
  const given: DataKey[] = [];
  let open = Promise.resolve();
  let release = () => {};
  const keyOf = (id: string): DataKey => {
    const key = SecretBytes.copyOf(Buffer.from(`key of ${id}`));
    const made = { id, version: 1, created: false, source: 'derived', check: new Uint8Array(16), key };
    given.push(made);
    return made;
  };
  return {
    calls,
    given,
    hold() {
      open = new Promise((resolve) => {
        release = resolve;
      });
    },
    release: () => release(),
    async getDataKey(id: string, options: { signal?: AbortSignal } = {}) {
      calls.push({ ids: [id], signal: options.signal });
      await open;
      return keyOf(id);
    },
    async batchGet(requests: readonly { readonly id: string }[], options: { signal?: AbortSignal } = {}) {
      calls.push({ ids: requests.map(({ id }) => id), signal: options.signal });
      await open;
      if (requests.some(({ id }) => id === 'all fail')) throw new KeysteadError('server-unreachable', 'away');
      return requests.map(({ id }) => (id === 'bad' ? new KeysteadError('policy', 'no') : keyOf(id)));
    },
  };
}

t.test('gets of one turn are one batch, in their order, each with its own answer', async (t) => {
  const inner = client();
  const gets = new CoalescedGets(inner);
  const [a, bad, b] = await Promise.all([
    gets.getDataKey('a'),
    rejection(gets.getDataKey('bad')),
    gets.getDataKey('b'),
  ]);
  t.same(
    inner.calls.map(({ ids }) => ids),
    [['a', 'bad', 'b']],
  );
  t.same([a.id, b.id], ['a', 'b']);
  t.match(bad, { reason: 'policy' });
  await gets.getDataKey('alone');
  await Promise.all([gets.getDataKey('must', { create: 'must' }), gets.getDataKey('c'), gets.getDataKey('d')]);
  t.same(
    inner.calls.slice(1).map(({ ids }) => ids),
    [['alone'], ['must'], ['c', 'd']],
  );
});

t.test('more than a batch takes are more batches', async (t) => {
  const inner = client();
  const gets = new CoalescedGets(inner);
  await Promise.all(Array.from({ length: 2001 }, (_, n) => gets.getDataKey(`k${n}`)));
  t.same(
    inner.calls.map(({ ids }) => ids.length),
    [1000, 1000, 1],
  );
});

t.test('what fails as a whole is told to each', async (t) => {
  const gets = new CoalescedGets(client());
  const errors = await Promise.all([rejection(gets.getDataKey('all fail')), rejection(gets.getDataKey('x'))]);
  t.match(errors, [{ reason: 'server-unreachable' }, { reason: 'server-unreachable' }]);
});

t.test('a request that no service would take costs the others nothing', async (t) => {
  // The real client: it refuses a batch with one bad request as a whole.
  const asked: unknown[] = [];
  const inner = new KeysteadClient({
    server: 'http://127.0.0.1:9',
    retries: 0,
    async fetch(_url, init) {
      asked.push(JSON.parse(Buffer.from(init?.body as Uint8Array).toString()));
      throw new TypeError('away');
    },
  });
  const gets = new CoalescedGets(inner);
  const wrong = [
    ['', {}, 'bad-id'],
    ['long', { length: 9000 }, 'bad-length'],
    ['never', { version: 0 }, 'bad-version'],
    ['odd', { creat: 'never' }, 'bad-request'],
  ] as const;
  const refused = wrong.map(([id, options]) => rejection(gets.getDataKey(id, options as GetOptions)));
  const others = ['a', 'b'].map((id) => rejection(gets.getDataKey(id)));
  t.same(
    (await Promise.all(refused)).map(({ reason }) => reason),
    wrong.map(([, , reason]) => reason),
  );
  for (const error of await Promise.all(others)) t.match(error, { reason: 'server-unreachable' });
  t.match(asked[0], { requests: [{ dataKeyId: 'a' }, { dataKeyId: 'b' }] });
});

t.test('who gives up waits no longer, and the key that comes is wiped; when all have, the call ends', async (t) => {
  const inner = client();
  const gets = new CoalescedGets(inner);
  inner.hold();
  const [one, two, early] = [new AbortController(), new AbortController(), new AbortController()];
  early.abort();
  t.match(await rejection(gets.getDataKey('early', { signal: early.signal })), { reason: 'client-gone' });
  const first = rejection(gets.getDataKey('a', { signal: one.signal }));
  const second = gets.getDataKey('b', { signal: two.signal });
  await new Promise(setImmediate);
  one.abort();
  t.match(await first, { reason: 'client-gone' });
  t.notOk(inner.calls[0]?.signal?.aborted);
  inner.release();
  t.equal((await second).id, 'b');
  t.same(
    inner.given.map(({ id, key }) => [id, key.disposed]),
    [
      ['a', true],
      ['b', false],
    ],
  );
  inner.hold();
  const both = [new AbortController(), new AbortController()];
  const gone = both.map(({ signal }, n) => rejection(gets.getDataKey(`g${n}`, { signal })));
  await new Promise(setImmediate);
  for (const one of both) one.abort();
  t.match(await Promise.all(gone), [{ reason: 'client-gone' }, { reason: 'client-gone' }]);
  t.ok(inner.calls[1]?.signal?.aborted);
  inner.release();
});
