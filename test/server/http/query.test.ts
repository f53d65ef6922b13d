import fc from 'fast-check';
import t from 'tap';
import { readQuery, readWholeNumber } from '../../../src/server/http/query.ts';
import { failure } from '../../support/failure.ts';

const NAMES = ['prefix', 'page_size'] as const;

t.test('values come back as URLSearchParams and encodeURIComponent write them', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (prefix, page_size) => {
      const wanted = { prefix, page_size };
      t.strictSame(readQuery(new URLSearchParams(wanted).toString(), NAMES), wanted);
      t.strictSame(
        readQuery(`page_size=${encodeURIComponent(page_size)}&prefix=${encodeURIComponent(prefix)}`, NAMES),
        wanted,
      );
    }),
  );
  t.strictSame(readQuery('', NAMES), {});
  t.strictSame(readQuery('prefix', NAMES), { prefix: '' });
  t.end();
});

t.test('what is not exactly one of the names, once, is refused', (t) => {
  const refused = [
    'a=1',
    'prefix=a&prefix=b',
    'prefix=&prefix=',
    'Prefix=a',
    'prefix=a&',
    '&',
    'prefix[]=a',
    '__proto__=a',
    'toString=1',
    'prefix=%',
    'prefix=%ff',
    '%ff=a',
    'prefix=%ed%a0%80',
  ];
  for (const query of refused) t.throws(() => readQuery(query, NAMES), failure('bad-request'), query);
  t.throws(() => readQuery('a=1', []), failure('bad-request', /unknown name "a"; this route takes none$/));
  t.end();
});

t.test('a whole number has one decimal form', (t) => {
  t.equal(readWholeNumber('1', 'n', 9), 1);
  t.equal(readWholeNumber('8160', 'n', 8160), 8160);
  for (const text of ['', '-1', '+1', '01', '1.0', '1e3', '0x10', ' 1', '1 ', '１', '1_000', 'NaN', '0', '8161']) {
    t.throws(() => readWholeNumber(text, 'length', 8160, 'bad-length'), failure('bad-length', /^length /), text);
  }
  t.end();
});

t.test('a whole number that is too large is told the range, and is not repeated at any length', (t) => {
  const most = Number.MAX_SAFE_INTEGER;
  const text = '99999999999999999999';
  t.throws(
    () => readWholeNumber(text, 'version', most, 'bad-version'),
    failure('bad-version', /^version must be a whole number from 1 to 9007199254740991, not 99999999999999999999$/),
  );
  // Number rounds it to another one.
  t.throws(() => readWholeNumber('9007199254740993', 'n', most), failure('bad-request'));
  t.throws(() => readWholeNumber('9'.repeat(1000), 'n', most), failure('bad-request', /, not 9{40}…$/));
  t.throws(() => readWholeNumber('1e3', 'n', 8), failure('bad-request', /from 1 to 8 in decimal digits$/));
  t.end();
});
