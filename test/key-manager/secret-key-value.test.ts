import { format, inspect } from 'node:util';
import t from 'tap';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { SecretKeyValue } from '../../src/key-manager/secret-key-value.ts';

t.test('however a key is printed, none of it is shown', async (t) => {
  const key = SecretKeyValue.of('a very secret key');
  const printed = [
    `${key}`,
    String(key),
    JSON.stringify({ deep: [key] }),
    inspect({ deep: [key] }, { showHidden: true, depth: 9 }),
    format('%s %o %O %j', key, key, key, key),
    new Error(`about ${key}`).message,
    Object.entries(key).join(),
  ];
  for (const text of printed) t.notMatch(text, /very|secret k(?!ey\])/, text);
  t.equal(String(key), '[secret key]');
});

t.test('text is text and bytes are bytes', async (t) => {
  const text = SecretKeyValue.of('clé');
  const bytes = SecretKeyValue.of(Buffer.from('clé'));
  t.equal(text.expose(), 'clé');
  t.same(bytes.expose(), new Uint8Array(Buffer.from('clé')));
  t.equal(text.length, 4);
  t.notOk(text.equals(bytes));
  t.ok(text.equals(SecretKeyValue.of(text)));
  t.equal(SecretKeyValue.of('').expose(), '', 'an empty text is a key');
  t.ok(SecretKeyValue.of(SecretBytes.copyOf(Buffer.from('clé'))).equals(bytes));
});

t.test('a disposed value gives nothing', async (t) => {
  const key = SecretKeyValue.of('k');
  const copy = key.clone();
  key.dispose();
  t.throws(() => key.expose());
  t.equal(copy.expose(), 'k');
  for (const use of [() => key.text(), () => key.bytes(), () => key.clone(), () => key.equals(copy)]) t.throws(use);
});

t.test('the bytes are wiped with the last of the clones, however often one is disposed', async (t) => {
  const wiped = t.capture(SecretBytes.prototype, 'dispose');
  const key = SecretKeyValue.of(Buffer.from('k'));
  const copy = key.clone();
  const another = SecretKeyValue.of(copy);
  key.dispose();
  key.dispose();
  copy.dispose();
  copy.dispose();
  t.equal(wiped().length, 0);
  t.same(another.bytes(), new Uint8Array(Buffer.from('k')), 'whoever still holds it has it whole');
  another.dispose();
  another.dispose();
  t.equal(wiped().length, 1);
  t.throws(() => another.bytes());
});
