import fc from 'fast-check';
import t from 'tap';
import { type Context, contextBytes, dataKeyContext } from '../../src/core/context.ts';
import { failure } from '../support/failure.ts';
import { holds } from '../support/property.ts';

const hex = (context: Context) => Buffer.from(contextBytes(context)).toString('hex');
const contexts = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), { maxKeys: 6 });

t.test('the bytes are those of docs/formats/context.md', async (t) => {
  t.equal(hex({}), '00000000');
  t.equal(
    hex({ b: '2', a: '1' }),
    '00000004' + '00000001' + '61' + '00000001' + '31' + '00000001' + '62' + '00000001' + '32',
  );
  t.equal(hex({ é: '' }), '00000002' + '00000002' + 'c3a9' + '00000000');
});

t.test('the context of a data key is its id, version and length', async (t) => {
  t.same(dataKeyContext('pvc-1', 2, 32), { keystead: '1', id: 'pvc-1', version: '2', length: '32' });
});

t.test('the order of the entries does not matter', async (t) => {
  await holds(
    t,
    fc.property(contexts, (context) => hex(context) === hex(Object.fromEntries(Object.entries(context).reverse()))),
  );
});

t.test('names are ordered by their bytes of UTF-8', async (t) => {
  const text = Buffer.from(contextBytes({ '\u{1f600}': '', '\uffee': '' })).toString();
  t.ok(text.indexOf('\uffee') < text.indexOf('\u{1f600}'));
});

t.test('the bytes say which context it was, so no two contexts share them', async (t) => {
  await holds(
    t,
    fc.property(contexts, (context) => {
      const read = readContext(contextBytes(context));
      return JSON.stringify(read.toSorted()) === JSON.stringify(Object.entries(context).toSorted());
    }),
  );
});

t.test('a lone surrogate is refused, because two of them would share their bytes', async (t) => {
  t.throws(() => contextBytes({ id: '\ud800' }), failure('bad-request'));
  t.throws(() => contextBytes({ '\udfff': 'x' }), failure('bad-request'));
});

function readContext(bytes: Uint8Array): [string, string][] {
  const view = Buffer.from(bytes);
  const parts: string[] = [];
  for (let at = 4; at < view.length; ) {
    const length = view.readUInt32BE(at);
    parts.push(view.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  return Array.from({ length: view.readUInt32BE(0) / 2 }, (_, n) => [parts[2 * n] ?? '', parts[2 * n + 1] ?? '']);
}
