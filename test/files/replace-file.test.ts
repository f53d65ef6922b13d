import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { replaceFile } from '../../src/files/replace-file.ts';
import { failure } from '../support/failure.ts';

t.test('the new text is in its place, with the mode of the file, behind the same link', async (t) => {
  const dir = t.testdir({ 'f.yml': 'old' });
  const path = join(dir, 'f.yml');
  chmodSync(path, 0o644);
  symlinkSync('f.yml', join(dir, 'link'));
  await replaceFile(join(dir, 'link'), 'old', 'new');
  t.equal(readFileSync(path, 'utf8'), 'new');
  t.equal(statSync(path).mode & 0o777, 0o644);
  t.equal(readlinkSync(join(dir, 'link')), 'f.yml');
  t.same(readdirSync(dir).sort(), ['f.yml', 'link']);
});

t.test('a file that was not there is for its owner alone', async (t) => {
  const dir = t.testdir({});
  await replaceFile(join(dir, 'new'), undefined, 'text');
  t.equal(statSync(join(dir, 'new')).mode & 0o777, 0o600);
  const nowhere = replaceFile(join(dir, 'none', 'new'), undefined, 'text');
  await t.rejects(nowhere, failure('cannot-write', /the folder is not there/));
});

t.test('what is no longer as it was read is left alone', async (t) => {
  const dir = t.testdir({ changed: 'theirs', made: 'theirs', dir: {} });
  for (const [name, old] of [
    ['changed', 'old'],
    ['made', undefined],
  ] as const) {
    await t.rejects(replaceFile(join(dir, name), old, 'ours'), failure('concurrent-write'));
    t.equal(readFileSync(join(dir, name), 'utf8'), 'theirs');
  }
  await t.rejects(replaceFile(join(dir, 'gone'), 'old', 'ours'), failure('no-file'));
  t.same(readdirSync(dir).sort(), ['changed', 'dir', 'made']);
});

t.test('a pipe is not replaced, as no device is', async (t) => {
  const dir = t.testdir({});
  const pipe = join(dir, 'pipe');
  execFileSync('mkfifo', [pipe]);
  await t.rejects(replaceFile(pipe, 'old', 'new'), failure('cannot-write', /not a file that could be replaced/));
  t.ok(statSync(pipe).isFIFO());
  t.same(readdirSync(dir), ['pipe']);
});

t.test('what a machine left that stopped is taken away, and nothing else', async (t) => {
  const left = ['.f.0123456789ab.tmp.yml', '.f.ffffffffffff.tmp.yml'];
  const others = ['.f.0123456789ab.tmp', '.f.0123.tmp.yml', '.g.0123456789ab.tmp.yml', 'f.0123456789ab.tmp.yml'];
  const young = '.f.aaaaaaaaaaaa.tmp.yml';
  const dir = t.testdir({
    'f.yml': 'old',
    ...Object.fromEntries([...left, ...others, young].map((name) => [name, 's'])),
  });
  const long = new Date(Date.now() - 120_000);
  for (const name of [...left, ...others]) utimesSync(join(dir, name), long, long);
  await replaceFile(join(dir, 'f.yml'), 'old', 'new');
  t.same(readdirSync(dir).sort(), ['f.yml', young, ...others].sort());
});

t.test('where there is no sh to guard it, the file is replaced all the same', async (t) => {
  const dir = t.testdir({ f: 'old' });
  const { PATH = '' } = process.env;
  t.teardown(() => {
    process.env['PATH'] = PATH;
  });
  process.env['PATH'] = dir;
  await replaceFile(join(dir, 'f'), 'old', 'new');
  t.equal(readFileSync(join(dir, 'f'), 'utf8'), 'new');
  t.same(readdirSync(dir), ['f']);
});
