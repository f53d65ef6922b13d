import fc from 'fast-check';
import t from 'tap';
import { appended } from '../../src/secrets-file/append.ts';
import { rewrite } from '../../src/secrets-file/rewrite.ts';
import { readSecretsFile } from '../../src/secrets-file/secrets-file.ts';
import { holds } from '../support/property.ts';

const PLAIN = `# settings of the shop
path: /apps/shop
region: eu-central-1
kmskey: alias/shop # of the store

tags:
  team: web        # who pays

parameters:
  # the first
  - name: port
    description: 'no secret'
    type: String
    value: 8080

  - name: password
    description: "a secret"
    type: "SecureString"   # so it is sealed
    value: "correct horse # battery"   # and this stays

  - description: |-
      in two
      lines
    type: SecureString
    value: | # a block
      one

      two

    name: key
# the end
`;

/** As `encrypt` does, with a ciphertext that one can foresee. */
function sealed(text: string): string {
  const file = readSecretsFile(text, 'a.yml');
  const parameters = new Map(
    file.parameters.map(({ spelling, secret }, index) => [
      index,
      { type: spelling.toLowerCase(), ...(secret ? { value: `Q1${index}+/==` } : {}) },
    ]),
  );
  return rewrite(file, { parameters, header: { encrypted_with: 'arn:aws:kms:r:1:key/2' } });
}

t.test('nothing but types, secrets and the new field changes', async (t) => {
  const expected = PLAIN.replace('# of the store\n', '# of the store\nencrypted_with: arn:aws:kms:r:1:key/2\n')
    .replace('type: String', 'type: string')
    .replace('"SecureString"', '"securestring"')
    .replace('type: SecureString', 'type: securestring')
    .replace('"correct horse # battery"', '"Q11+/=="')
    .replace('| # a block\n      one\n\n      two\n', 'Q12+/== # a block\n');
  t.equal(sealed(PLAIN), expected);
});

t.test('CRLF line ends and a byte order mark stay', async (t) => {
  const crlf = `\ufeff${PLAIN.replaceAll('\n', '\r\n')}`;
  t.equal(sealed(crlf), `\ufeff${sealed(PLAIN).replaceAll('\n', '\r\n')}`);
});

t.test('a file without changes is the same to the byte', async (t) => {
  t.equal(rewrite(readSecretsFile(PLAIN, 'a'), { parameters: new Map([[0, { type: 'String' }]]) }), PLAIN);
});

t.test('JSON stays JSON', async (t) => {
  const json =
    '{"path": "/a", "region": "r", "kmskey": "k", "parameters": [{"name":"n","description":"","type":"SecureString","value":"x\\ud83c\\udf89"}]}';
  const result = JSON.parse(sealed(json));
  t.match(result, {
    encrypted_with: 'arn:aws:kms:r:1:key/2',
    parameters: [{ type: 'securestring', value: 'Q10+/==' }],
  });
});

t.test('what shares an anchor or a merge key keeps its own text', async (t) => {
  const text = `path: /a
region: r
kmskey: k
parameters:
  - &one {name: a, description: d, type: SecureString, value: &v s}
  - <<: *one
    name: b
  - name: c
    description: *v
    type: String
    value: *v # stays
  - { <<: *one, name: q }
`;
  t.equal(
    sealed(text),
    `path: /a
region: r
kmskey: k
encrypted_with: arn:aws:kms:r:1:key/2
parameters:
  - &one {name: a, description: d, type: securestring, value: &v Q10+/==}
  - value: Q11+/==
    <<: *one
    name: b
  - name: c
    description: s
    type: string
    value: s # stays
  - { <<: *one, name: q, value: Q13+/== }
`,
  );
});

t.test('a field that is taken away takes its line with it', async (t) => {
  const file = readSecretsFile(sealed(PLAIN), 'a');
  t.notMatch(rewrite(file, { header: { encrypted_with: null } }), 'encrypted_with');
  const flow = readSecretsFile('{path: /a, region: r, encrypted_with: x, kmskey: k, parameters: []}', 'a');
  t.equal(rewrite(flow, { header: { encrypted_with: null } }), '{path: /a, region: r, kmskey: k, parameters: []}');
});

const styles = fc.constantFrom(
  'value: x',
  "value: 'x'",
  'value: "x"',
  'value: |\n      x',
  'value: x # c',
  'value: &a x',
);
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      'a',
      ' ',
      '\n',
      '#',
      ':',
      "'",
      '"',
      '\\',
      '-',
      '\t',
      '\r',
      '🎉',
      '\u2028',
      '\x85',
      '\ufeff',
      '0',
      '|',
      '%',
      '{',
      ',',
    ),
  }),
  fc.constantFrom(
    '',
    'true',
    '010',
    '1e3',
    '~',
    '<<',
    '=',
    'a: b',
    '- a',
    'x #y',
    'a\nb\n',
    'a\n\nb',
    ' a\nb',
    'a\n b\n',
    '\n',
    'a\n\n',
    '0o17',
    'y',
  ),
);

t.test('every text is written so that it reads back, whatever stood there before', async (t) => {
  await holds(
    t,
    fc.property(texts, styles, fc.constantFrom('\n', '\r\n'), fc.boolean(), (value, style, newline, last) => {
      fc.pre(value.isWellFormed());
      const text = `path: /a
region: r
kmskey: k
parameters:
  - name: n
    description: d
    type: String
    ${style}${last ? '' : '\n\n  - {name: m, description: d, type: String, value: z}\n'}`.replaceAll('\n', newline);
      const result = rewrite(readSecretsFile(text, 'a'), { parameters: new Map([[0, { value }]]) });
      const [first] = readSecretsFile(result, 'a').parameters;
      return first?.value === value && first.leaves.value.kind === 'text';
    }),
    { numRuns: 500 },
  );
});

t.test('a block in which the file ends has no last line break, and gets none', async (t) => {
  const top = 'path: /a\nregion: r\nkmskey: k\nparameters:\n- name: n\n  description: d\n  type: String\n';
  const texts = (text: string) => readSecretsFile(text, 'a').parameters.map(({ value }) => value);
  for (const [indicator, value] of [
    ['|', 'one\ntwo'],
    ['|+', 'one\ntwo'],
    ['>2-', 'one two'],
    ['|-2 # c', 'one\ntwo'],
  ]) {
    const text = `${top}  value: ${indicator}\n    one\n    two`;
    const file = readSecretsFile(text, 'a');
    t.same(texts(text), [value], 'as PyYAML reads it');
    const longer = rewrite(file, { header: { integrity: 'x' } });
    t.ok(longer.endsWith('\n    two\nintegrity: x\n'));
    t.same(texts(longer), [value], 'a field behind it');
    const more = appended(file, { name: 'm', description: '', type: 'String', value: 'x' });
    t.same(texts(more), [value, 'x'], 'a parameter behind it');
    const other = (to: string) => rewrite(file, { parameters: new Map([[0, { value: to }]]) });
    for (const to of ['a\nb\n', 'a\nb', 'x']) t.same(texts(other(to)), [to], JSON.stringify(to));
    const both = rewrite(file, { parameters: new Map([[0, { value: 'a\nb\n' }]]), header: { integrity: 'x' } });
    t.same(texts(both), ['a\nb\n']);
  }
  t.same(texts(`${top}  value: |\n    one\n    `), ['one\n'], 'blanks are a line of their own');
});

t.test('a block whose last lines are blanks is replaced whole', async (t) => {
  const file = (value: string) =>
    `path: /a\nregion: r\nkmskey: k\nparameters:\n- name: a\n  description: d\n  value: ${value}  type: SecureString\n`;
  const encrypted = (value: string) =>
    file(value)
      .replace('kmskey: k\n', 'kmskey: k\nencrypted_with: arn:aws:kms:r:1:key/2\n')
      .replace('Secure', 'secure')
      .replace('String', 'string');
  // A tab that stays behind is a syntax error to PyYAML.
  t.equal(sealed(file('|-\n    \t\n')), encrypted('Q10+/==\n'));
  t.equal(sealed(file('|\n    a\n    \t\n')), encrypted('Q10+/==\n'));
  t.equal(sealed(file('|\n    a\n  \n\n')), encrypted('Q10+/==\n  \n\n'), 'blank lines that are not of its text stay');
  const blanks = readSecretsFile(file('|\n    a\n      \n'), 'a.yml');
  t.equal(blanks.parameters[0]?.value, 'a\n  \n');
  t.equal(rewrite(blanks, { parameters: new Map([[0, { value: 'b\nc\n' }]]) }), file('|\n    b\n    c\n'));
});

t.test(
  'a new field finds its place behind a block of a file with CRLF, and before the end of the document',
  async (t) => {
    const block = 'path: /a\nregion: r\nkmskey: >-\n  k\nparameters: []\n'.replaceAll('\n', '\r\n');
    t.equal(sealed(block), block.replace('parameters', 'encrypted_with: arn:aws:kms:r:1:key/2\r\nparameters'));
    const ended =
      '---\npath: /a\nregion: r\nkmskey: k\nkek: kms://cluster-kms\nparameters:\n- {name: a, description: d, type: String, value: "x\n  ... y"}\n';
    for (const end of ['...\n', '...', '... # c\n# d\n']) {
      const file = readSecretsFile(ended + end, 'a.yml');
      t.equal(rewrite(file, { header: { integrity: 'x' } }), `${ended}integrity: x\n${end}`);
    }
  },
);

t.test('a parameter more is written like the last one, wherever its dash stands', async (t) => {
  const head = 'path: /a\nregion: r\nkmskey: k\nparameters:\n';
  const added = { name: 'b', description: 'e', type: 'String', value: 'w' } as const;
  const more = 'name: b\n  description: e\n  type: String\n  value: w\n';
  for (const dash of ['-\n  ', '- &m\n  ', '- # a - b\n  ', '- !!map\n  ']) {
    const text = `${head}${dash}name: a\n  description: d\n  type: String\n  value: x\n`;
    t.equal(appended(readSecretsFile(text, 'a.yml'), added), `${text}- ${more}`, dash);
  }
  const open = `${head}- name: a\n  description: d\n  type: String\n  value: x`;
  const lines = appended(readSecretsFile(open, 'a.yml'), { ...added, value: 'y\nz\n' });
  t.equal(readSecretsFile(lines, 'a.yml').parameters[1]?.value, 'y\nz\n', 'behind a file without a last line break');
  const kept = `${head}- name: a\n  type: String\n  value: x\n  description: |+\n    d\n\n`;
  t.throws(() => appended(readSecretsFile(kept, 'a.yml'), added), /by hand/, 'no other text changes');
});
