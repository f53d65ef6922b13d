import { hash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { tokenMark } from '../../src/auth/bearer.ts';
import { readSmallFile } from '../../src/config/read-small-file.ts';
import { openAuth } from '../../src/wiring/auth.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testAmbient, testConfig } from '../support/services.ts';
import { keystead } from './terminal.ts';

const generate = (...more: string[]) => keystead(['token', 'generate', '--name', 'ci', ...more]);

t.test('a token is printed once, and beside it what the auth file needs, which lets it in', async (t) => {
  const { status, stdout, stderr } = await generate('--groups', 'builders,x', '--not-after', '2031-01-01T00:00Z');
  t.equal(status, 0);
  t.match(stdout, /^kst_[\w-]{43}\n$/);
  t.notMatch(stderr, stdout.trim());
  const entry = stderr
    .split('\n')
    .map((line) => `      ${line}`)
    .join('\n')
    .trimEnd();
  const path = join(t.testdir(), 'auth.yaml');
  writeFileSync(path, `version: 1\nauthenticators:\n  - name: tokens\n    kind: token\n    tokens:\n${entry}\n`);
  const log = { info() {}, warn() {}, error() {} };
  const config = testConfig({ dev: false, auth: { file: path } });
  const keeper = await openAuth(config, { ...testAmbient(), clock: new FakeClock(), readFile: readSmallFile, log });
  t.teardown(() => keeper.close());
  const caller = await keeper.authenticate({ listener: 'http', authorization: `Bearer ${stdout.trim()}` });
  t.same(caller, { kind: 'token', name: 'ci', groups: ['builders', 'x'] });
});

t.test('two tokens are never the same', async (t) => {
  t.not((await generate()).stdout, (await generate()).stdout);
});

t.test('a token goes into a new file that only its owner may read', async (t) => {
  const path = join(t.testdir(), 'token');
  const { status, stdout, stderr } = await generate('--output', path);
  t.same([status, stdout], [0, '']);
  const token = readFileSync(path, 'utf8');
  t.match(token, /^kst_[\w-]{43}\n$/);
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.match(stderr, hash('sha256', token.trim()));
  t.equal(hash('sha256', token.trim()), Buffer.from(tokenMark(token.trim()), 'latin1').toString('hex'));
  t.match(await generate('--output', path), { status: 73, stdout: '' }, 'an existing file stays as it is');
  t.equal(readFileSync(path, 'utf8'), token);
});

t.test('programs get the token and its entry as JSON, as of every command', async (t) => {
  const { status, stdout, stderr } = await generate('--groups', 'builders', '--output', 'json');
  t.same([status, stderr, existsSync('json')], [0, '', false]);
  const { token, entry } = JSON.parse(stdout);
  t.match(token, /^kst_[\w-]{43}$/);
  t.same(entry, { name: 'ci', sha256: hash('sha256', token), groups: ['builders'] });
  t.match(await generate('--output', 'plain'), { status: 0, stdout: /^kst_[\w-]{43}\n$/, stderr: /sha256/ });
});

t.test('what an auth file would not take is refused', async (t) => {
  for (const args of [
    ['--name', 'a:b'],
    ['--name', ''],
    ['--name', 'admin'],
    ['--output', '-'],
    ['--groups', ''],
    ['--groups', 'keystead:admin'],
    ['--not-after', 'tomorrow'],
    ['--not-after', '2027-13-01T00:00Z'],
  ]) {
    const given = args[0] === '--name' ? args : ['--name', 'ci', ...args];
    t.match(await keystead(['token', 'generate', ...given]), { status: 64, stdout: '' }, args.join(' '));
  }
  t.match(await keystead(['token', 'generate']), { status: 64 });
});
