import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Sight, watchFile, watchFiles } from '../../src/config/watch-file.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** Watches a file, and gives back what was told so far and how to have the watcher look so many times. */
function watched(t: Test, path: string, last?: string) {
  const clock = new FakeClock();
  const told: string[] = [];
  const watch = watchFile({
    path,
    max: 16,
    clock,
    ...(last === undefined ? {} : { last: Buffer.from(last) }),
    seen: (sight: Sight) => void told.push('bytes' in sight ? String(sight.bytes) : `error ${sight.error.code}`),
  });
  t.teardown(() => watch.close());
  const look = async (times = 2) => {
    for (let n = 0; n < times; n++) {
      await clock.advance(1000);
      while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { told, look, watch, clock };
}

t.test('a file that is written in place is told of once, with its new content', async (t) => {
  const file = join(t.testdir({ file: 'one' }), 'file');
  const { told, look } = watched(t, file, 'one');
  await look(4);
  t.same(told, []);
  writeFileSync(file, 'two');
  await look(5);
  t.same(told, ['two']);
  writeFileSync(file, 'two');
  await look();
  t.same(told, ['two'], 'the same content again is no change');
});

t.test('what has changed before the first look is seen', async (t) => {
  const file = join(t.testdir({ file: 'two' }), 'file');
  const { told, look } = watched(t, file, 'one');
  await look();
  t.same(told, ['two']);
});

t.test('a mounted ConfigMap is seen when its ..data link is swapped', async (t) => {
  const dir = t.testdir({ '..one': { file: 'one' }, '..two': { file: 'two' } });
  symlinkSync('..one', join(dir, '..data'));
  symlinkSync(join('..data', 'file'), join(dir, 'file'));
  const { told, look } = watched(t, join(dir, 'file'), 'one');
  await look();
  symlinkSync('..two', join(dir, '..data_tmp'));
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
  await look();
  t.same(told, ['two']);
});

t.test('a file that is still being written is not told of until it rests', async (t) => {
  const file = join(t.testdir({ file: 'one' }), 'file');
  const { told, look } = watched(t, file, 'one');
  await look();
  for (const part of ['t', 'th', 'thr', 'thre']) {
    writeFileSync(file, part);
    await look(1);
  }
  t.same(told, []);
  writeFileSync(file, 'three');
  await look(2);
  t.same(told, ['three']);
});

t.test('a file that goes away is an error, told once, and told of when it is back, even unchanged', async (t) => {
  const file = join(t.testdir({ file: 'one' }), 'file');
  const { told, look } = watched(t, file, 'one');
  rmSync(file);
  await look(4);
  t.same(told, ['error ENOENT']);
  writeFileSync(file, 'one');
  await look();
  t.same(told, ['error ENOENT', 'one']);
});

t.test('a folder and a file that is too large are errors', async (t) => {
  const file = join(t.testdir({ file: 'one' }), 'file');
  const { told, look } = watched(t, file, 'one');
  writeFileSync(file, 'x'.repeat(17));
  await look();
  rmSync(file);
  mkdirSync(file);
  await look();
  t.same(told, ['error it is larger than 16 bytes', 'error EISDIR']);
});

t.test('nothing is told once it is closed', async (t) => {
  const file = join(t.testdir({ file: 'one' }), 'file');
  const { told, look, watch, clock } = watched(t, file, 'one');
  await look(1);
  writeFileSync(file, 'two');
  await watch.close();
  t.equal(clock.sleepers, 0);
  t.same(told, []);
});

t.test('files that belong together are told of together, when all of them have rested', async (t) => {
  const dir = t.testdir({ cert: 'one', key: 'one' });
  const paths = [join(dir, 'cert'), join(dir, 'key')];
  const clock = new FakeClock();
  const told: string[] = [];
  const watch = watchFiles({
    paths,
    max: 16,
    clock,
    last: [Buffer.from('one'), Buffer.from('one')],
    seen: (sights) => void told.push(sights.map((sight) => ('bytes' in sight ? sight.bytes : sight.error.code)).join()),
  });
  t.teardown(() => watch.close());
  const look = async (times: number) => {
    for (let n = 0; n < times; n++) {
      await clock.advance(1000);
      while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await look(3);
  t.same(told, []);
  writeFileSync(paths[0] as string, 'two');
  await look(1);
  writeFileSync(paths[1] as string, 'two');
  await look(1);
  t.same(told, [], 'one of them has just been written');
  await look(2);
  t.same(told, ['two,two']);
  rmSync(paths[1] as string);
  await look(3);
  t.same(told, ['two,two', 'two,ENOENT']);
});
