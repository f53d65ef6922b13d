import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { constants as system, tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { appendAside } from '../../src/audit/append-aside.ts';

interface Test {
  teardown(fn: () => unknown): unknown;
}

function open(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'keystead-append-'));
  const path = join(folder, 'audit.jsonl');
  const appender = appendAside(path);
  t.teardown(async () => {
    await appender.close();
    rmSync(folder, { recursive: true });
  });
  return { path, appender };
}

function descriptor(t: Test, path: string, flags: string | number): number {
  const fd = openSync(path, flags);
  t.teardown(() => closeSync(fd));
  return fd;
}

t.test('lines are written in a thread, as many as there are, and the path is looked at', async (t) => {
  const { path, appender } = open(t);
  const fd = descriptor(t, path, 'a');
  const { ino } = statSync(path, { bigint: true });
  t.same(await appender.append(fd, Buffer.from('a\n')), { written: 2, errno: 0, standing: { ino, size: 2n } });
  // More than the shared memory has at first.
  const long = Buffer.from(`${'é'.repeat(150_000)}\n`);
  t.match(await appender.append(fd, long), { written: 300_001, errno: 0, standing: { size: 300_003n } });
  t.match(await appender.append(fd, Buffer.from('b\n')), { written: 2, standing: { size: 300_005n } });
  t.equal(readFileSync(path, 'utf8'), `a\n${long}b\n`);
});

t.test('what fails in the thread is told, and the next append goes on', async (t) => {
  const { path, appender } = open(t);
  const fd = descriptor(t, path, 'a');
  t.same(await appender.append(descriptor(t, path, 'r'), Buffer.from('a\n')), {
    written: 0,
    errno: -system.errno.EBADF,
    standing: undefined,
  });
  rmSync(path);
  t.match(await appender.append(fd, Buffer.from('a\n')), { written: 2, errno: 0, standing: undefined });
});

t.test('a thread that has ended is followed by another one', async (t) => {
  const { path, appender } = open(t);
  const fd = descriptor(t, path, 'a');
  t.equal(await appender.close(), true, 'nothing was begun');
  await appender.append(fd, Buffer.from('a\n'));
  t.equal(await appender.close(), true);
  await appender.append(fd, Buffer.from('b\n'));
  t.equal(readFileSync(path, 'utf8'), 'a\nb\n');
});

t.test('a disk that does not answer keeps nobody from closing, and no append counts as done then', async (t) => {
  const { path, appender } = open(t);
  execFileSync('mkfifo', [path]);
  const fd = descriptor(t, path, constants.O_RDWR);
  const lines = Buffer.alloc(200_000, 'a');
  const pending = appender.append(fd, lines);
  t.equal(await appender.close(), false);
  // Somebody takes it all at last, if it was begun.
  const reader = descriptor(t, path, constants.O_RDONLY | constants.O_NONBLOCK);
  const drained = setInterval(() => {
    try {
      readSync(reader, Buffer.alloc(lines.length));
    } catch {
      // There is nothing to read at this moment.
    }
  }, 5);
  t.not((await pending).errno, 0);
  clearInterval(drained);
});
