import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { syncedAppend } from '../../src/audit/synced-append.ts';

interface Test {
  teardown(fn: () => unknown): unknown;
}

const LINES = Buffer.from('a\nb\n');

function open(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'keystead-append-'));
  const path = join(folder, 'audit.jsonl');
  const fd = openSync(path, 'a');
  t.teardown(() => closeSync(fd));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return { path, fd };
}

t.test('what was written is synced before the path is looked at', async (t) => {
  const { path, fd } = open(t);
  let atSync = '';
  const sync = () => {
    atSync = readFileSync(path, 'utf8');
  };
  const { ino, size } = statSync(path, { bigint: true });
  t.same(syncedAppend(fd, path, LINES, sync), { written: 4, errno: 0, standing: { ino, size: size + 4n } });
  t.equal(atSync, 'a\nb\n');
  t.match(syncedAppend(fd, path, LINES), { written: 4, errno: 0, standing: { size: 8n } }, 'by fdatasync too');
});

t.test('a path that leads nowhere after the sync is told as such', async (t) => {
  const { path, fd } = open(t);
  t.same(
    syncedAppend(fd, path, LINES, () => unlinkSync(path)),
    { written: 4, errno: 0, standing: undefined },
  );
});

t.test('a failure tells how much was written before it, and the system’s own number', async (t) => {
  const { path, fd } = open(t);
  const { EBADF, EIO, ENAMETOOLONG } = constants.errno;
  const refuse = (errno?: number) => () => {
    throw Object.assign(new Error('no'), errno === undefined ? {} : { errno });
  };
  const unwritable = openSync(path, 'r');
  t.teardown(() => closeSync(unwritable));
  t.same(syncedAppend(unwritable, path, LINES), { written: 0, errno: -EBADF });
  t.same(syncedAppend(fd, path, LINES, refuse(-EIO)), { written: 4, errno: -EIO });
  t.same(
    syncedAppend(fd, path, LINES, refuse()),
    { written: 4, errno: -EIO },
    'one without a number is none the less told',
  );
  t.same(syncedAppend(fd, 'a'.repeat(300), LINES), { written: 4, errno: -ENAMETOOLONG });
});
