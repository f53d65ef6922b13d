import t from 'tap';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import {
  formatReference,
  parseReference,
  parseSecret,
  resolveSecret,
  type SecretKind,
  type SecretSource,
  type UriSecret,
} from '../../src/core/secret-reference.ts';

const from = (bytes: Uint8Array): SecretSource => ({ env: {}, readFile: () => bytes });
const failing = (code: string): SecretSource => ({
  env: {},
  readFile: async () => {
    throw Object.assign(new RangeError('no'), { code });
  },
});
const file: UriSecret = { from: 'file', path: '/run/key' };
const env: UriSecret = { from: 'env', name: 'NAME' };
const resolved = async (secret: UriSecret, kind: SecretKind, source: SecretSource) =>
  Buffer.from((await resolveSecret(secret, kind, 'field', source)).expose()).toString('latin1');

t.test('a reference is env://NAME or file:///path, and nothing else is', async (t) => {
  t.same(parseReference('env://A_1'), { from: 'env', name: 'A_1' });
  t.same(parseReference('file:///a b%20c'), { from: 'file', path: '/a b%20c' });
  for (const text of [
    'env://',
    'env://1',
    'env://A-B',
    'env://A/',
    'file://',
    'file:///',
    'file://a',
    'env:A',
    'A',
    '',
  ]) {
    t.equal(parseReference(text), undefined, text);
  }
  t.equal(parseReference('file:///a\nb'), undefined);
  t.equal(formatReference({ from: 'env', name: 'A' }), 'env://A');
  t.equal(formatReference({ from: 'file', path: '/a b' }), 'file:///a b');
});

t.test('a mistyped reference does not become a secret', async (t) => {
  for (const text of ['ENV://A', 'env://', 'file://a', 'vault://a', 'https://a']) {
    t.throws(() => parseSecret(text, 'text', 'field'), {
      reason: 'bad-uri',
      message: /^field is not a valid reference/,
    });
  }
});

t.test('raw bytes are taken as they are', async (t) => {
  t.equal(await resolved(file, 'bytes', from(Buffer.from([0, 255, 13, 10]))), '\0\xff\r\n');
  t.equal(await resolved(env, 'bytes', { ...from(Buffer.alloc(0)), env: { NAME: ' é\n' } }), ' \xc3\xa9\n');
});

t.test('a text loses one line break at its end, and no more', async (t) => {
  for (const [text, expected] of [
    ['abc', 'abc'],
    ['abc\n', 'abc'],
    ['abc\r\n', 'abc'],
    [' abc ', ' abc '],
  ] as const) {
    t.equal(await resolved(file, 'text', from(Buffer.from(text))), expected);
    t.equal(await resolved(env, 'text', { ...from(Buffer.alloc(0)), env: { NAME: text } }), expected);
  }
});

t.test('a text that is more than one line of UTF-8 is refused', async (t) => {
  for (const text of ['a\n\n', 'a\nb', 'a\0', '\r', '\t']) {
    await t.rejects(resolved(file, 'text', from(Buffer.from(text))), {
      reason: 'bad-uri',
      message: 'field (file:///run/key) holds a control character or a second line',
    });
  }
  await t.rejects(resolved(file, 'text', from(Buffer.from([0xff]))), {
    message: 'field (file:///run/key) is not UTF-8',
  });
});

t.test('an empty secret is refused', async (t) => {
  await t.rejects(resolved(file, 'bytes', from(Buffer.alloc(0))), { reason: 'bad-uri', message: /is empty$/ });
  await t.rejects(resolved(file, 'text', from(Buffer.from('\n'))), { reason: 'bad-uri', message: /is empty$/ });
  await t.rejects(resolved(env, 'text', { ...from(Buffer.alloc(0)), env: { NAME: '' } }), { message: /is empty$/ });
});

t.test('a variable that is not there, or is not UTF-8, is an error that names it', async (t) => {
  const nothing = from(Buffer.alloc(0));
  await t.rejects(resolved(env, 'bytes', nothing), {
    reason: 'bad-uri',
    message: 'field (env://NAME): the environment variable is not set',
  });
  await t.rejects(resolved({ from: 'env', name: 'toString' }, 'text', nothing), { message: /is not set/ });
  await t.rejects(resolved(env, 'bytes', { ...nothing, env: { NAME: 'a\ufffd' } }), {
    reason: 'bad-uri',
    message: /\(env:\/\/NAME\): the variable holds bytes that are not UTF-8/,
  });
});

t.test('a file that is not there, or cannot be read, is an error that names it', async (t) => {
  for (const code of ['ENOENT', 'ENOTDIR']) {
    await t.rejects(resolved(file, 'bytes', failing(code)), {
      reason: 'no-file',
      message: 'field (file:///run/key): the file is not there',
    });
  }
  for (const code of ['EACCES', 'EISDIR']) {
    await t.rejects(resolved(file, 'bytes', failing(code)), {
      reason: 'cannot-read',
      message: `field (file:///run/key): the file cannot be read (${code})`,
    });
  }
});

t.test('what was read is wiped, and what is handed out is a copy', async (t) => {
  const read = Buffer.from('secret');
  const secret = await resolveSecret(file, 'bytes', 'field', from(read));
  t.same(read, Buffer.alloc(6));
  t.equal(Buffer.from(secret.expose()).toString(), 'secret');
  const own = SecretBytes.own(new Uint8Array([1]));
  const copy = await resolveSecret(own, 'bytes', 'field', from(read));
  own.dispose();
  t.same([...copy.expose()], [1]);
});

t.test('what was read is wiped also where it is refused', async (t) => {
  const read = Buffer.from('se\ncret');
  await t.rejects(resolved(file, 'text', from(read)));
  t.same(read, Buffer.alloc(7));
});
