import t from 'tap';
import { brokenStream, keystead } from './terminal.ts';

const COMMANDS = ['serve', 'status', 'data-key', 'kek', 'storage', 'secrets', 'config', 'doctor', 'openapi'];

t.test('help lists every command on stdout', async (t) => {
  for (const argv of [['--help'], ['help']]) {
    const { status, stdout, stderr } = await keystead(argv);
    t.same([status, stderr], [0, '']);
    for (const name of COMMANDS) t.match(stdout, new RegExp(`^ {2}${name} `, 'm'));
  }
});

t.test('every command has help of its own', async (t) => {
  const groups = {
    'data-key': ['get', 'list', 'describe'],
    kek: ['generate', 'bootstrap', 'status'],
    config: ['explain'],
  };
  const nested = Object.entries(groups).flatMap(([group, names]) => names.map((name) => [group, name]));
  for (const words of [...COMMANDS.map((name) => [name]), ...nested]) {
    const { status, stdout } = await keystead([...words, '--help']);
    t.equal(status, 0);
    t.match(stdout, `Usage: keystead ${words.join(' ')}`);
  }
});

t.test('the version is that of the package', async (t) => {
  t.match(await keystead(['--version']), { status: 0, stdout: /^\d+\.\d+\.\d+\S*\n$/, stderr: /^$/ });
});

t.test('wrong usage ends with 64 and one line on stderr', async (t) => {
  const rows: [string[], RegExp][] = [
    [['nope'], /^keystead: unknown command 'nope' \(bad-usage\)\n$/],
    [['data-key', 'gett'], /^keystead: unknown command 'gett'; did you mean get\? \(bad-usage\)\n$/],
    [['data-key', 'get'], /^keystead: missing required argument 'id' \(bad-usage\)\n$/],
    [
      ['data-key', 'get', 'a', 'SECRET'],
      /^keystead: too many arguments for 'get'. Expected 1 argument but got 2 \(bad-usage\)\n$/,
    ],
    [
      ['data-key', 'get', 'a', '--lenght'],
      /^keystead: unknown option '--lenght'; did you mean --length\? \(bad-usage\)\n$/,
    ],
    [['data-key', 'get', 'a', '--lenght=SECRET'], /^keystead: unknown option '--lenght' \(bad-usage\)\n$/],
    [['data-key', 'get', 'a', '--length'], /^keystead: option '--length <bytes>' argument missing \(bad-usage\)\n$/],
    [
      ['data-key', 'get', 'a', '--length', 'SECRET'],
      /^keystead: option '--length <bytes>': give a whole number \(bad-usage\)\n$/,
    ],
    [
      ['status', '--server', 'a', '--server', 'SECRET'],
      /^keystead: option '--server <url>': it is given twice \(bad-usage\)\n$/,
    ],
    [['status', '--output', 'xml'], /^keystead: option '--output <format>': give plain or json \(bad-usage\)\n$/],
    [['kek', 'generate'], /^keystead: required option '--dir <dir>' not specified \(bad-usage\)\n$/],
    [['data-key', 'get', 'a', '--create', 'x'], /give if-missing, never or must \(bad-usage\)\n$/],
    [['data-key', 'get', 'a', '--expect', '!'], /^keystead: the check value of --expect is not base64/],
  ];
  for (const [argv, message] of rows) {
    const { status, stdout, stderr } = await keystead(argv);
    t.same([status, stdout], [64, ''], argv.join(' '));
    t.match(stderr, message);
    t.notMatch(stderr, 'SECRET');
  }
});

t.test('a missing command ends with 64 and shows help on stderr', async (t) => {
  for (const argv of [[], ['data-key'], ['kek'], ['config']]) {
    const { status, stdout, stderr } = await keystead(argv);
    t.same([status, stdout], [64, '']);
    t.match(stderr, /^keystead: a command is missing; see --help \(bad-usage\)\nUsage: keystead/);
  }
});

t.test('with --output json a failure is a problem document on stderr', async (t) => {
  for (const words of [['--output', 'json'], ['--output=json']]) {
    const { status, stdout, stderr } = await keystead(['status', '--nope', ...words]);
    t.same([status, stdout], [64, '']);
    t.same(JSON.parse(stderr), {
      type: 'urn:keystead:problem:bad-usage',
      title: 'The command line is not valid',
      status: 400,
      detail: "unknown option '--nope'",
      code: 'invalid_argument',
      reason: 'bad-usage',
      retryable: false,
    });
  }
  t.match((await keystead(['status', '--nope', '--', '--output=json'])).stderr, /^keystead: /);
});

t.test('a reader that goes away ends the command without a word, a full disk with one', async (t) => {
  t.match(await keystead(['--help'], { stdout: brokenStream('EPIPE') }), { status: 130, stderr: /^$/ });
  t.match(await keystead(['config', 'explain'], { stdout: brokenStream('ENOSPC') }), {
    status: 65,
    stderr: 'keystead: the output cannot be written (ENOSPC) (cannot-write)\n',
  });
});
