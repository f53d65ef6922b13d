import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { variableName } from '../../src/core/dotenv.ts';
import { formatVariables, picked, variablesOf } from '../../src/secrets-file/export.ts';
import { readSecretsFile } from '../../src/secrets-file/secrets-file.ts';

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

t.test('a POSIX shell reads back every value', async (t) => {
  const texts = fc
    .sample(fc.string({ unit: 'binary' }), 60)
    .filter((text) => text.isWellFormed() && !text.includes('\0'));
  const values = ["it's", '$HOME `id` $(id)', 'a\nb\n', '', '-n', '\\', '"', '🎉', ...texts];
  const named = values.map((value, n) => ({ name: `V${n}`, value }));
  const print = named.map(({ name }) => `printf '%s\\0' "$${name}"`).join('\n');
  const out = execFileSync('sh', ['-c', `${formatVariables(named, 'shell')}${print}`]).toString();
  t.same(out.split('\0').slice(0, -1), values);
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
