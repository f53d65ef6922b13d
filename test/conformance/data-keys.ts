import type { Test } from 'tap';
import type { DataKey, DataKeys } from '../../src/data-keys/data-keys.ts';
import { failure } from '../support/failure.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const hex = ({ key }: DataKey) => Buffer.from(key.expose()).toString('hex');

/** What data keys promise, however they are made. Ids and lengths are valid: the guard has seen to that. */
export function dataKeysSuite(t: Test, open: (t: Test) => Promise<DataKeys>): void {
  t.test('the same id and length give the same key, for ever', async (t) => {
    const dataKeys = await open(t);
    const first = await get(dataKeys, 'pvc-1');
    for (let n = 0; n < 3; n++) t.equal(hex(await get(dataKeys, 'pvc-1')), hex(first));
  });
  t.test('the version that an answer gave gives that key again, and no other version does', async (t) => {
    const dataKeys = await open(t);
    const first = await get(dataKeys, 'pvc-1');
    const again = await dataKeys.get({ id: 'pvc-1', length: 32, version: first.version, create: 'never' }, call);
    t.equal(hex(again), hex(first));
    const missing = { id: 'pvc-1', length: 32, version: first.version + 1, create: 'if-missing' } as const;
    await t.rejects(dataKeys.get(missing, call), failure('no-version'));
  });
  t.test('ids are told apart by every byte', async (t) => {
    const dataKeys = await open(t);
    const ids = ['a', 'A', 'a ', 'a/', 'a/b', 'a%2Fb', '.', '..', '\u00e9', 'e\u0301', '\0', 'x'.repeat(4096)];
    const keys = new Set<string>();
    for (const id of ids) keys.add(hex(await get(dataKeys, id)));
    t.equal(keys.size, ids.length);
    for (const id of ids) t.ok(keys.has(hex(await get(dataKeys, id))));
  });
  t.test('keys of every length are given', async (t) => {
    const dataKeys = await open(t);
    for (const length of [1, 15, 16, 32, 33, 8160]) {
      const { id, key } = await get(dataKeys, `of ${length}`, length);
      t.same({ id, length: key.length }, { id: `of ${length}`, length });
    }
  });
  t.test('callers at once get the same key, each a copy of its own', async (t) => {
    const dataKeys = await open(t);
    const keys = await Promise.all(Array.from({ length: 20 }, () => get(dataKeys, 'pvc-1')));
    t.equal(new Set(keys.map(hex)).size, 1);
    t.ok(keys.filter(({ created }) => created).length <= 1, 'and at most one of them made it');
    const [one, two] = keys;
    one?.key.dispose();
    t.notOk(two?.key.disposed);
    t.notSame(two && [...two.key.expose()], new Array(32).fill(0));
  });
  t.test('a key that was given is described by its id and version', async (t) => {
    const dataKeys = await open(t);
    const { version } = await get(dataKeys, 'pvc/1');
    const info = await dataKeys.describe('pvc/1', call);
    t.match(info, { id: 'pvc/1', version, kek: /^kms:/, kekVersion: /./ });
  });
}

function get(dataKeys: DataKeys, id: string, length = 32): Promise<DataKey> {
  return dataKeys.get({ id, length, create: 'if-missing' }, call);
}
