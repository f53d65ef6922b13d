import fc from 'fast-check';
import t from 'tap';
import { assertDataKeyId, shownDataKeyId } from '../../src/core/data-key-id.ts';
import { failure } from '../support/failure.ts';
import { holds } from '../support/property.ts';

t.test('every text of 1 to 4096 bytes of UTF-8 is an id', async (t) => {
  const odd = ['a', '/', '..', '\0', ' ', '\u{1f600}', '\ufeff', 'x'.repeat(4096), '\u00e9'.repeat(2048)];
  for (const id of odd) t.doesNotThrow(() => assertDataKeyId(id));
  await holds(
    t,
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 1024 }), (id) => assertDataKeyId(id)),
  );
});

t.test('nothing else is', async (t) => {
  t.throws(() => assertDataKeyId(''), failure('bad-id', /empty/));
  t.throws(() => assertDataKeyId('x'.repeat(4097)), failure('bad-id', /4097 bytes/));
  t.throws(() => assertDataKeyId('\u00e9'.repeat(2049)), failure('bad-id', /4098 bytes/));
  for (const id of ['\ud800', 'a\udfffb', '\udc00\ud800']) {
    t.throws(() => assertDataKeyId(id), failure('bad-id', /surrogate/));
  }
  for (const id of [undefined, null, 1, ['a'], { a: 1 }])
    t.throws(() => assertDataKeyId(id), failure('bad-id', /string/));
});

t.test('an id in an error text is one short line that shows what it holds', (t) => {
  t.equal(shownDataKeyId('volume-1'), '"volume-1"');
  t.equal(shownDataKeyId('a"\n\u202e\u2028\u007f'), String.raw`"a\"\n\u{202e}\u{2028}\u{7f}"`);
  t.equal(shownDataKeyId('x'.repeat(64)), `"${'x'.repeat(64)}"`);
  t.equal(shownDataKeyId('😀'.repeat(1024)), `"${'😀'.repeat(64)}…"`);
  t.end();
});
