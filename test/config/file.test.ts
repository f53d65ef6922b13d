import t from 'tap';
import { readConfigFile } from '../../src/config/file.ts';

const problems = (text: string | Uint8Array) =>
  readConfigFile(typeof text === 'string' ? Buffer.from(text) : text).problems.map((one) => `${one.line}: ${one.text}`);

t.test('settings are read with their lines', async (t) => {
  const { values, problems } = readConfigFile(Buffer.from('# all\ndev: true\n\nlog:\n  level: warn\n'));
  t.same(problems, []);
  t.same(
    values.map(({ setting, value, line }) => [setting.key, value, line]),
    [
      ['dev', true, 2],
      ['log.level', 'warn', 5],
    ],
  );
});

t.test('an empty file, a comment and a group with everything commented out give nothing', async (t) => {
  for (const text of ['', '\n', '# nothing\n', '---\n', 'null', 'kek:\n  # dir: /x\n']) {
    t.same({ ...readConfigFile(Buffer.from(text)) }, { values: [], problems: [] }, JSON.stringify(text));
  }
});

t.test('a name given twice is refused', async (t) => {
  t.same(problems('dev: true\ndev: false\n'), ['2: a name stands here for the second time']);
});

t.test('unknown names are refused with the nearest known one', async (t) => {
  t.same(problems('http:\n  listten: x\n'), ['2: http.listten is not a setting; did you mean http.listen?']);
  t.same(problems('htttp:\n  listen: x\n'), ['1: htttp is not a setting; did you mean http?']);
  t.same(problems('http.listen: x\n'), [
    '1: http.listen is written as a group, listen on a line of its own, indented, below http:',
  ]);
  t.match(problems('__proto__:\n  x: 1\nconstructor: 2\n'), [
    /^1: __proto__ is not a setting/,
    /^3: constructor is not a/,
  ]);
});

t.test('a group is no value and a value is no group', async (t) => {
  t.same(problems('http: 127.0.0.1:1\n'), ['1: http must hold settings, one "name: value" a line']);
  t.same(problems('[1]\n'), ['1: the file must hold settings, one "name: value" a line']);
  t.same(problems('dev:\n'), ['1: dev has no value; give one or remove the line']);
  t.same(problems('dev: ~\n'), ['1: dev has no value; give one or remove the line']);
  t.same(problems('? [a]\n: b\n'), ['1: a name must be plain text']);
  t.same(problems('1: b\n'), ['1: a name must be plain text']);
});

t.test('aliases, merges and second documents are refused', async (t) => {
  t.same(problems('kms: &k kms://cluster-kms\nstorage: *k\n'), ['2: storage must be written out, not an alias']);
  t.match(problems('<<: {dev: true}\n'), [/^1: << is not a setting/]);
  t.same(problems('dev: true\n---\ndev: false\n'), ['2: a second document begins here; one is allowed']);
});

t.test('what is no YAML is refused with the line', async (t) => {
  t.same(problems('dev: true\n\thttp:\n'), ['2: a tab is used for indentation; use spaces']);
  t.match(problems('dev: "open\n'), [/^\d: not valid YAML \(missing char\)$/]);
});

t.test('what is no text and what is too large is refused', async (t) => {
  t.same(problems(Uint8Array.of(0x64, 0xff)), ['undefined: is not UTF-8']);
  t.same(problems(Buffer.alloc(1_048_577, '#')), ['undefined: is larger than 1 MiB']);
});
