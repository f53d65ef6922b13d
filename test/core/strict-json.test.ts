import fc from 'fast-check';
import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { parseStrictJson } from '../../src/core/strict-json.ts';
import { failure } from '../support/failure.ts';

const BAD = failure('bad-json');
const parseJson = (bytes: Uint8Array) => parseStrictJson(bytes, 8, (what) => new KeysteadError('bad-json', what));

t.test('every JSON value of moderate depth is read as JSON.parse reads it', (t) => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const text = JSON.stringify(value);
      t.strictSame(parseJson(Buffer.from(text)), JSON.parse(text));
    }),
  );
  t.end();
});

t.test('a member that stands twice in one object is refused, wherever it is', (t) => {
  const member = fc.tuple(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }));
  fc.assert(
    fc.property(
      fc.uniqueArray(member, { selector: ([name]) => name, minLength: 1, maxLength: 5 }),
      fc.nat(),
      fc.boolean(),
      (members, n, deep) => {
        const twice = members[n % members.length] as [string, unknown];
        const object = [...members, twice].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
        const text = `{${object.join(',')}}`;
        t.throws(() => parseJson(Buffer.from(deep ? `[{"in":${text}}]` : text)), BAD);
      },
    ),
  );
  t.end();
});

t.test('names that are equal behind their escapes are the same member', (t) => {
  t.throws(() => parseJson(Buffer.from('{"length":1,"l\\u0065ngth":2}')), BAD);
  t.throws(() => parseJson(Buffer.from('{"__proto__":1,"__proto__":2}')), BAD);
  t.end();
});

t.test('colons, quotes and backslashes inside strings do not count as members', (t) => {
  const value = { 'a:"\\': ':\\\\":', b: ['\\', ':"', { c: '\\":' }] };
  t.strictSame(parseJson(Buffer.from(JSON.stringify(value))), value);
  t.end();
});

t.test('what is not plain JSON in UTF-8 is refused, and the text is never quoted back', (t) => {
  const bodies: [string, string | Buffer][] = [
    ['nothing', ''],
    ['no JSON', '{"masterSecret": secret-word}'],
    ['cut off', '{"masterSecret":"secret-word'],
    ['two values', '{} "secret-word"'],
    ['a comment', '{} // secret-word'],
    ['a single quote', "{'length':'secret-word'}"],
    ['a byte order mark', '\ufeff{}'],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['UTF-16', Buffer.from('{}', 'utf16le')],
    ['nesting', '['.repeat(9) + ']'.repeat(9)],
    ['deep nesting', '['.repeat(30_000) + ']'.repeat(30_000)],
  ];
  for (const [name, body] of bodies) {
    try {
      parseJson(Buffer.from(body as string));
      t.fail(name);
    } catch (error) {
      t.match(error, BAD, name);
      t.notMatch(String(error), 'secret-word', name);
    }
  }
  t.end();
});

t.test('more members and elements than any document of ours has are refused, however small each is', (t) => {
  const many = [
    `[${'1,'.repeat(20_000)}1]`,
    `[${'[],'.repeat(10_000)}[]]`,
    `{${Array.from({ length: 10_001 }, (_, n) => `"${n}":1`)}}`,
    '['.repeat(20_001),
  ];
  const refused = failure('bad-json', /^has too many members and elements$/);
  for (const text of many) t.throws(() => parseJson(Buffer.from(text)), refused, text.slice(0, 10));
  const most = `[${'1,'.repeat(19_999)}1]`;
  t.equal((parseJson(Buffer.from(most)) as unknown[]).length, 20_000);
  t.equal(
    parseJson(Buffer.from(JSON.stringify('[,{:'.repeat(20_000)))),
    '[,{:'.repeat(20_000),
    'but not inside strings',
  );
  t.throws(() => parseJson(Buffer.from(`[","${','.repeat(30_000)}]`)), refused);
  for (const open of ['"', '["\\', '["\\"', '"\\\\\\"'])
    t.throws(() => parseJson(Buffer.from(open)), failure('bad-json', /^is not/));
  t.end();
});
