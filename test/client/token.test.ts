import { execFileSync } from 'node:child_process';
import { rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { tokenSource } from '../../src/client/token.ts';
import { failure } from '../support/failure.ts';

t.test('a token is given as it is', async (t) => {
  t.equal(await tokenSource({ token: 'abc' })(), 'abc');
  t.equal(await tokenSource({})(), undefined);
});

t.test('a token file loses one line break at its end', async (t) => {
  const folder = t.testdir({ unix: 'abc\n', dos: 'abc\r\n', bare: 'abc' });
  for (const name of ['unix', 'dos', 'bare']) {
    t.equal(await tokenSource({ tokenFile: join(folder, name) })(), 'abc', name);
  }
});

t.test('a token file is read again when it changes or is replaced', async (t) => {
  const folder = t.testdir({ token: 'first' });
  const tokenFile = join(folder, 'token');
  const token = tokenSource({ tokenFile });
  t.equal(await token(), 'first');
  await writeFile(tokenFile, 'another');
  t.equal(await token(), 'another');
  await writeFile(join(folder, 'next'), 'replace');
  await rename(join(folder, 'next'), tokenFile);
  t.equal(await token(), 'replace');
  await unlink(tokenFile);
  await t.rejects(token(), failure('no-file', /^the token file .*token is not there$/));
});

t.test('a token that Kubernetes projects is read through its links, and again when they are moved', async (t) => {
  const folder = t.testdir({
    '..1': { token: 'first' },
    '..2': { token: 'second' },
    '..data': t.fixture('symlink', '..1'),
    token: t.fixture('symlink', '..data/token'),
  });
  const token = tokenSource({ tokenFile: join(folder, 'token') });
  t.equal(await token(), 'first');
  await symlink('..2', join(folder, 'next'));
  await rename(join(folder, 'next'), join(folder, '..data'));
  t.equal(await token(), 'second');
});

t.test('a pipe is refused and never waited for, also where a file was before', { timeout: 60_000 }, async (t) => {
  const folder = t.testdir({ token: 'abc' });
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const refused = failure('cannot-read', /^the token file \S+ is not a file$/);
  await t.rejects(tokenSource({ tokenFile: pipe })(), refused);
  const tokenFile = join(folder, 'token');
  const token = tokenSource({ tokenFile });
  t.equal(await token(), 'abc');
  await rename(pipe, tokenFile);
  await t.rejects(token(), refused);
});

t.test('what is no token is refused without being shown', async (t) => {
  for (const text of ['', '\n', 'two words', 'two\nlines', 'line\n\n', 'grün', 'nul\0']) {
    const folder = t.testdir({ token: text });
    const flaw = failure('bad-credentials', /^the token file \S+ (is empty|must be one line of ASCII without spaces)$/);
    await t.rejects(tokenSource({ tokenFile: join(folder, 'token') })(), flaw, JSON.stringify(text));
    t.throws(() => tokenSource({ token: text === '' ? ' ' : text }), failure('bad-credentials'));
  }
  t.throws(() => tokenSource({ token: 'a', tokenFile: 'b' }), failure('bad-usage'));
});

t.test('a file that cannot be read or is too large is refused', async (t) => {
  const folder = t.testdir({ folder: {}, large: 'x'.repeat(1_048_577) });
  await t.rejects(
    tokenSource({ tokenFile: join(folder, 'folder') })(),
    failure('cannot-read', /folder is not a file$/),
  );
  await t.rejects(tokenSource({ tokenFile: join(folder, 'large') })(), failure('cannot-read', /larger than 1 MiB/));
});
