import t from 'tap';
import { Type } from 'typebox';
import { problemLines, readDocument } from '../../src/config/document.ts';

const Schema = Type.Object(
  {
    version: Type.Literal(1),
    colour: Type.Optional(Type.Enum(['red', 'green'])),
    count: Type.Optional(Type.Integer({ minimum: 1, maximum: 3 })),
    loud: Type.Optional(Type.Boolean()),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 3 })),
    hours: Type.Optional(Type.String({ pattern: '^\\d\\d$', 'x-takes': 'two digits' })),
    list: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })),
    map: Type.Optional(Type.Record(Type.String(), Type.String({ minLength: 1 }))),
    inner: Type.Optional(Type.Object({ a: Type.Optional(Type.Boolean()) }, { additionalProperties: false })),
  },
  { additionalProperties: false },
);

function problems(text: string | Uint8Array, max?: number): string[] {
  const read = readDocument(typeof text === 'string' ? Buffer.from(text) : text, Schema, max);
  return 'problems' in read ? problemLines(read.problems) : [];
}

t.test('a good document is read as it stands, with the line of every path', async (t) => {
  const text =
    'version: 1\ncolour: red\ncount: 3\nloud: false\nname: no\nlist:\n  - a\n  - b\nmap: {x: y, __proto__: z}\ninner: {}\n';
  const read = readDocument(Buffer.from(text), Schema);
  if ('problems' in read) throw new Error(JSON.stringify(read.problems));
  t.match(read.value, { version: 1, colour: 'red', count: 3, loud: false, name: 'no', list: ['a', 'b'], inner: {} });
  t.same(Object.keys(read.value.map ?? {}), ['x', '__proto__'], 'a name is a name, whatever it is');
  t.equal(read.lineOf('list[1]'), 8);
  t.equal(read.lineOf('map.x'), 9);
  t.equal(read.lineOf('none'), undefined);
  t.same(problems('{"version": 1, "list": ["a"]}'), [], 'JSON is YAML');
});

t.test('every problem is told at once, by line and path, with what to do and without the value', async (t) => {
  const text = [
    'version: 2',
    'colour: gren',
    'count: 4',
    'loud: "true"',
    'name: secret',
    'hours: 8',
    'list: a',
    'map: {x: [1], y: }',
    'inner: {b: 1}',
    'colours: red',
    'zzz: 1',
  ].join('\n');
  t.same(problems(text), [
    'line 1: version must be 1',
    'line 2: colour must be one of red, green; did you mean green?',
    'line 3: count must be a whole number from 1 to 3',
    'line 4: loud must be true or false',
    'line 5: name must be text of 1 to 3 characters',
    'line 6: hours must be two digits',
    'line 7: list must be a list',
    'line 8: map.x must be text that is not empty',
    'line 8: map.y has no value; give one or remove the line',
    'line 9: inner.b is not a known name; did you mean a?',
    'line 10: colours is not a known name; did you mean colour?',
    'line 11: zzz is not a known name; known are version, colour, count, loud, name, hours, list, map, inner',
  ]);
  t.same(problems('colour: red'), ['line 1: the document must have version']);
  t.same(problems('version: 1\nlist: []'), ['line 2: list must not be an empty list']);
});

t.test('a name that stands twice is refused, wherever it stands', async (t) => {
  t.same(problems('version: 1\nversion: 1'), ['line 2: version stands here for the second time; remove one']);
  t.same(problems('version: 1\nmap: {a: b, "a": c}'), ['line 2: map.a stands here for the second time; remove one']);
});

t.test('aliases, merges and names that are not text are refused', async (t) => {
  const bomb = `version: 1\nmap: &a {x: y}\n${Array.from({ length: 30 }, (_, n) => `m${n}: [*a, *a]`).join('\n')}`;
  t.ok(problems(bomb).length > 0);
  t.same(problems('version: 1\nname: &a x\nhours: *a'), ['line 3: hours must be written out, not an alias']);
  t.match(problems('version: 1\ninner: {<<: {a: true}}'), ['line 2: inner.<< is not a known name']);
  t.match(problems('version: 1\nmap: {[1]: b}'), ['line 2: map has a name that is not plain text']);
  t.match(problems('version: 1\nname: !x y'), [/valid YAML \(tag resolve failed\)/]);
});

t.test('what is no single YAML document of text is refused', async (t) => {
  t.same(problems('version: 1\n---\nversion: 1'), ['line 2: the document must be one; here a second one begins']);
  t.same(problems(''), ['the document must not be empty']);
  t.same(problems('# nothing'), ['the document must not be empty']);
  t.match(problems('- 1'), [/must be a map/]);
  t.same(problems(Buffer.from([0xff, 0xfe])), ['the document must be UTF-8']);
  t.match(problems('version: 1\ninner:\n\ta: true'), [/indented with spaces/]);
  t.same(problems('version: 1 # ......', 10), ['the document must be at most 10 bytes']);
});

t.test('a document that is nested too deeply, or has flaws without end, is refused in bounds', async (t) => {
  t.ok(problems(`version: ${'['.repeat(100_000)}`).length > 0);
  t.equal(problems(Array.from({ length: 500 }, (_, n) => `x${n}: 1`).join('\n')).length, 50);
});
