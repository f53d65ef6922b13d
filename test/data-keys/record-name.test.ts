import fc from 'fast-check';
import t from 'tap';
import { PROBE_NAME } from '../../src/core/store-check.ts';
import { KEK_RECORD_NAME } from '../../src/data-keys/kek-identity.ts';
import { recordName, recordNamePrefix } from '../../src/data-keys/record-name.ts';
import { holds } from '../support/property.ts';

/** Ids of which many are long, and share their heads. */
const ids = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('a', '.', '/', '%', '~', '\u00e9'), minLength: 1, maxLength: 4 }),
  fc
    .tuple(fc.constantFrom('x', '/', '\u00e9'), fc.integer({ min: 90, max: 1000 }), fc.string())
    .map(([unit, count, tail]) => unit.repeat(count) + tail),
);

t.test('names are those of docs/formats/wrapped-record.md', async (t) => {
  t.equal(recordName('pvc-0f3a_1.2~'), 'data-keys/pvc-0f3a_1.2~.json');
  t.equal(recordName('a/b c'), 'data-keys/a%2Fb%20c.json');
  t.equal(recordName('.'), 'data-keys/..json');
  t.equal(recordName('..'), 'data-keys/...json');
  t.equal(recordName('\u00e9\0%'), 'data-keys/%C3%A9%00%25.json');
  t.equal(recordName("!'()*"), 'data-keys/%21%27%28%29%2A.json');
  t.equal(recordName('x'.repeat(600)), `data-keys/${'x'.repeat(600)}.json`);
  t.equal(
    recordName('x'.repeat(601)),
    `data-keys/${'x'.repeat(600)}.04324f631ae5fbe65cc931e117e7c73a8a880589fe0508fae2efe5a21e2af5a1.json`,
  );
});

t.test('no two ids share a name', async (t) => {
  await holds(
    t,
    fc.property(ids, ids, (one, two) => (one === two) === (recordName(one) === recordName(two))),
  );
  const heads = ['x'.repeat(600), 'x'.repeat(601), 'x'.repeat(602), `${'x'.repeat(600)}.`, `${'x'.repeat(599)}/`];
  t.equal(new Set(heads.map(recordName)).size, heads.length);
});

t.test('every name is one that every store takes', async (t) => {
  await holds(
    t,
    fc.property(ids, (id) => /^data-keys\/[A-Za-z0-9._~%-]{1,665}\.json$/.test(recordName(id))),
  );
});

t.test('the names of all ids with a prefix begin alike', async (t) => {
  const cut = fc.tuple(ids, fc.nat()).map(([id, at]) => {
    const characters = [...id];
    return [id, characters.slice(0, at % (characters.length + 1)).join('')] as const;
  });
  await holds(
    t,
    fc.property(cut, ([id, prefix]) => recordName(id).startsWith(recordNamePrefix(prefix))),
  );
});

t.test('no data key has the name of one of our own records', async (t) => {
  for (const name of [KEK_RECORD_NAME, PROBE_NAME]) t.notOk(name.startsWith(recordNamePrefix('')));
});
