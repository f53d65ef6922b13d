import { execFileSync, spawnSync } from 'node:child_process';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { variableName } from '../../src/core/dotenv.ts';
import { formatVariables, picked, variablesOf } from '../../src/secrets-file/export.ts';
import { readSecretsFile } from '../../src/secrets-file/secrets-file.ts';
import { holds } from '../support/property.ts';

const file = readSecretsFile('path: /a\nregion: r\nkmskey: k\nparameters: []\n', 'f.yml');

t.test('names become names of variables', async (t) => {
  for (const [name, variable] of [
    ['db/password', 'DB_PASSWORD'],
    ['a-b.c', 'A_B_C'],
    ['1st', '_1ST'],
    ['listen_port', 'LISTEN_PORT'],
  ] as const) {
    t.equal(variableName(name), variable);
  }
});

t.test('names that fall together, and values that no variable can hold, are refused', async (t) => {
  const two = [
    { name: 'a/b', value: '1' },
    { name: 'a-b', value: '2' },
  ];
  t.throws(() => variablesOf(file, two), { message: 'f.yml: parameters "a/b" and "a-b" would both be A_B' });
  t.throws(() => variablesOf(file, [{ name: 'a', value: 'x\0' }]), { message: /no variable can hold a NUL/ });
  t.throws(() => picked(two, ['c']), { message: /there is no parameter "c"/ });
  t.same(picked(two, ['a-b']), two.slice(1));
});

/** What a shell might take for something of its own, in any order, and whatever else there is. */
const AWKWARD = [
  "'",
  '"',
  '\\',
  '$',
  '`',
  '\n',
  '\r',
  '\t',
  ' ',
  '-',
  '!',
  '~',
  '#',
  '=',
  '%',
  '*',
  '\x01',
  '\u2028',
  '🎉',
  'é',
  'a',
];
const anyValue = fc.oneof(
  fc.constantFrom('', '-n', '--', "it's", '$HOME `id` $(id) $x', 'a\nb\n', '\\', '~root', '!!', 'a=b'),
  fc.array(fc.constantFrom(...AWKWARD), { maxLength: 24 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed() && !text.includes('\0')),
);

const SHELLS = ['sh', 'bash'].filter((shell) => spawnSync(shell, ['-c', ':']).status === 0);
for (const shell of SHELLS) {
  t.test(`${shell} reads back every value to the byte`, async (t) => {
    const property = fc.property(fc.array(anyValue, { minLength: 20, maxLength: 60 }), (values) => {
      const named = values.map((value, n) => ({ name: `V${n}`, value }));
      const print = named.map(({ name }) => `printf '%s\\0' "$${name}"`).join('\n');
      const out = execFileSync(shell, ['-s'], { input: `${formatVariables(named, 'shell')}${print}\n` });
      return out.equals(Buffer.from(values.map((value) => `${value}\0`).join('')));
    });
    await holds(t, property, { numRuns: 25 });
  });
}

t.test('a shell and Node read dotenv lines as they were meant', async (t) => {
  const values = [
    'pa\\ss',
    'C:\\new',
    '\\n',
    'a\n$b\n',
    '{\n  "key": "a\\nb"\n}\n',
    "it's",
    'say "hi"',
    '`id` $(id) $x',
    '',
  ];
  const named = values.map((value, n) => ({ name: `V${n}`, value }));
  const lines = formatVariables(named, 'dotenv');
  t.same({ ...parseEnv(lines) }, Object.fromEntries(named.map(({ name, value }) => [name, value])));
  const print = named.map(({ name }) => `printf '%s\\0' "$${name}"`).join('\n');
  const out = execFileSync('sh', ['-s'], { input: `${lines}${print}\n` });
  t.same(out.toString(), values.map((value) => `${value}\0`).join(''));
});

t.test('JSON and dotenv hold the same values', async (t) => {
  const named = [
    { name: 'A', value: 'plain' },
    { name: 'B', value: "it's\n$x" },
    { name: 'C', value: 'two words "q"' },
  ];
  t.same(JSON.parse(formatVariables(named, 'json')), { A: 'plain', B: "it's\n$x", C: 'two words "q"' });
  t.equal(formatVariables(named, 'dotenv'), `A=plain\nB="it's\\n\\$x"\nC='two words "q"'\n`);
});
