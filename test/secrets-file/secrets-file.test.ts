import t from 'tap';
import { readSecretsFile, storePath } from '../../src/secrets-file/secrets-file.ts';

const head = 'path: /a//\nregion: r\nkmskey: k\n';
const one = 'parameters:\n- {name: n, description: d, type: String, value: v}\n';

t.test('a file is read, and its path ends with one slash', async (t) => {
  const file = readSecretsFile(`${head}tags: {a: b}\n${one}`, 'a.yml');
  t.equal(storePath(file), '/a/');
  t.equal(storePath({ header: { path: '' } }), '/');
  t.same([...(file.tags ?? [])], [['a', 'b']]);
  t.match(file.parameters, [{ name: 'n', value: 'v', secret: false, sealed: false }]);
  t.equal(file.format, 'psyml');
});

t.test('an empty list of parameters is a file', async (t) => {
  t.same(readSecretsFile(`${head}parameters: []`, 'a').parameters, []);
});

t.test('a value is the text of the source, with a warning where psyml reads another', async (t) => {
  const value = (text: string) => readSecretsFile(`${head}${one.replace('value: v', `value: ${text}`)}`, 'a.yml');
  for (const text of ['010', 'yes', '1.10', '0x1F', '12:30:45', '2020-01-01T10:00:00Z', '! 010', '! "yes"']) {
    const { parameters, warnings } = value(text);
    t.equal(parameters[0]?.value, text.replace(/^! "?([^"]*)"?/, '$1'));
    t.match(warnings, [/^a\.yml: line 5: parameter "n": /], text);
    t.notMatch(warnings[0], text, 'the warning does not show the value');
  }
  for (const text of ['8080', '1e3', '"010"', "'yes'", 'a#b', '!!str 010']) t.same(value(text).warnings, [], text);
});

t.test('a warning says where psyml may read another text', async (t) => {
  const merged = `${head}parameters:\n- &a {name: n, description: d, type: String, value: v}\n- &b {<<: *a, name: m, type: string}\n`;
  const warnings = (text: string) => readSecretsFile(text, 'a.yml').warnings;
  t.same(warnings(`${merged}- {<<: *a, name: o}\n- {<<: [*a], name: p}\n`), []);
  t.match(warnings(`${merged}- <<: [*a, *b]\n  name: o\n`), [
    /^a\.yml: line 7: two merged mappings have type; the first/,
  ]);
  for (const mark of ['\u2028', '\u2029', '\x85', '\r']) {
    t.match(warnings(`${head}${one.replace('value: v', `value: "v${mark}w"`)}`), [/line 5: .* psyml takes for a line/]);
  }
  t.same(warnings(`${head}${one}`.replaceAll('\n', '\r\n')), []);
  const block = (value: string) =>
    `${head}parameters:\n- name: n\n  description: d\n  type: String\n  value: ${value}\n`;
  t.match(warnings(block('|2-\n      \n')), [/^a\.yml: line 8: there is a block of blanks/]);
  for (const value of ['|-\n      \n', '|2-\n      a\n', '|2\n\n']) t.same(warnings(block(value)), [], value);
});

const REFUSED: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  ['no mapping', '- a\n', /^f\.yml: line 1: the file is not a mapping$/],
  ['nothing', '', /not a mapping/],
  ['no YAML', 'a: "b\n', /^f\.yml: line \d: this is not YAML/],
  ['two documents', `${head}${one}---\na: b\n`, /more than one document/],
  ['a repeated key', `${head}path: /b\n${one}`, /^f\.yml: line 4: a key is given twice/],
  ['a repeated key in a parameter', `${head}${one.replace('value: v', 'value: v, value: w')}`, /given twice/],
  ['an unknown field', `${head}other: x\n${one}`, /^f\.yml: line 4: the field "other" is not known$/],
  ['a missing field', `region: r\nkmskey: k\n${one}`, /^f\.yml: the field path is missing$/],
  ['no parameters', head, /the field parameters is missing/],
  [
    'a field that is a number',
    `${head}${one}`.replace('region: r', 'region: 12'),
    /line 2: the field region is not text/,
  ],
  ['a field that is null', `${head}encrypted_with:\n${one}`, /line 4: the field encrypted_with is not text/],
  ['a date for a path', `${head}${one}`.replace('/a//', '2020-01-01'), /the field path is not text/],
  ['tags that are null', `${head}tags: ~\n${one}`, /the field tags is not a mapping/],
  ['a tag that is a number', `${head}tags: {a: 1}\n${one}`, /the tag "a" is not text/],
  ['parameters that are no list', `${head}parameters: {a: b}\n`, /line 4: the field parameters is not a list/],
  ['a parameter that is no mapping', `${head}parameters: [x]\n`, /line 4: parameter number 1 is not a mapping/],
  [
    'a parameter with a field too few',
    `${head}parameters: [{name: n, type: String, value: v}]\n`,
    /parameter "n": the field description is missing/,
  ],
  [
    'a parameter with a field too many',
    `${head}${one.replace('value: v', 'value: v, tier: x')}`,
    /line 5: parameter "n": the field "tier" is not known/,
  ],
  ['a name that is a number', `${head}${one.replace('name: n', 'name: 1')}`, /parameter number 1: name is not text/],
  ['a description that is null', `${head}${one.replace('description: d', 'description: ')}`, /description is not text/],
  [
    'another type',
    `${head}${one.replace('String', 'StringList')}`,
    /line 5: parameter "n": the type is none of String, SecureString/,
  ],
  ['another spelling', `${head}${one.replace('String', 'STRING')}`, /the type is none of/],
  ['a value that is null', `${head}${one.replace('value: v', 'value: ')}`, /the value is null/],
  ['a value that is a list', `${head}${one.replace('value: v', 'value: [v]')}`, /the value is a list or a mapping/],
  ['a plain =', `${head}${one.replace('value: v', 'value: =')}`, /put the value in quotes/],
  ['a binary value', `${head}${one.replace('value: v', 'value: !!binary djE=')}`, /tags have no meaning here/],
  ['half a character', `${head}${one.replace('value: v', 'value: "\\ud83c"')}`, /half of a surrogate pair/],
  [
    'one name twice',
    `${head}${one}- {name: n, description: d, type: String, value: v}\n`,
    /line 6: parameter "n" is there twice, first on line 5/,
  ],
  ['an alias without an anchor', `${head}${one.replace('value: v', 'value: *x')}`, /./],
];

t.test('what is wrong is refused, with the file, the line and the field', async (t) => {
  for (const [what, text, message] of REFUSED) {
    t.throws(() => readSecretsFile(text, 'f.yml'), { reason: 'bad-secrets-file', message }, what);
  }
});

t.test('an error never shows a value', async (t) => {
  for (const text of [
    `${head}${one.replace('value: v', 'value: [hunter2]')}`,
    `${head}parameters:\n- hunter2\n`,
    `${head}parameters:\n- {name: n, value: "hunter2\n`,
    `${head}parameters:\n  - name: n\n   value: hunter2\n`,
    `${head}parameters: hunter2\n`,
    'hunter2',
    'a: @hunter2',
    'a: *hunter2',
  ]) {
    try {
      readSecretsFile(text, 'f.yml');
      t.fail(`${text} was read`);
    } catch (error) {
      t.notMatch(String(error), 'hunter2');
    }
  }
});

t.test('merge keys that lead to each other end', async (t) => {
  const bomb = Array.from({ length: 30 }, (_, n) => `  - &a${n + 1} {<<: [*a${n}, *a${n}], k${n}: v}\n`).join('');
  t.throws(() => readSecretsFile(`${head}parameters:\n  - &a0 {x: y}\n${bomb}`, 'f.yml'), {
    reason: 'bad-secrets-file',
    message: /./,
  });
});
