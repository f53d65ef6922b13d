import { tmpdir } from 'node:os';
import t from 'tap';
import { FreeSpace, type Space } from '../../src/audit/free-space.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MIB = 1024 * 1024;
const FULL = { code: 'ENOSPC' };

/** A file system of blocks of 4 KiB, of which these bytes are free. */
function scene(bytes: number, free: number) {
  const clock = new FakeClock();
  const now = { free };
  let asked = 0;
  const ask = async (): Promise<Space> => {
    asked++;
    return { bsize: 4096, blocks: bytes / 4096, bavail: Math.floor(now.free / 4096) };
  };
  return { clock, now, asked: () => asked, space: new FreeSpace('/', clock, ask) };
}

t.test('a folder of this machine has room', async () => {
  await new FreeSpace(tmpdir(), new FakeClock()).assertRoom(1);
});

t.test('the last mebibyte stays free', async (t) => {
  const { now, space } = scene(1024 * MIB, 2 * MIB);
  await space.assertRoom(MIB);
  await t.rejects(space.assertRoom(MIB + 1), FULL);
  now.free = MIB;
  await t.rejects(space.assertRoom(1), FULL);
  now.free = 2 * MIB;
  await space.assertRoom(1);
});

t.test('a twentieth of a small file system stays free', async (t) => {
  const { now, space } = scene(MIB, 64 * 1024);
  await space.assertRoom(4096);
  now.free = 52 * 1024;
  await t.rejects(space.assertRoom(4096), FULL);
});

t.test('where there is plenty, one look counts for a moment', async (t) => {
  const { clock, now, asked, space } = scene(1024 * MIB, 512 * MIB);
  await space.assertRoom(1);
  await space.assertRoom(1);
  t.equal(asked(), 1);
  now.free = 0;
  await clock.advance(100);
  await t.rejects(space.assertRoom(1), FULL);
  await clock.advance(-1000);
  await t.rejects(space.assertRoom(1), FULL, 'and it is asked each time where there is little');
  t.equal(asked(), 3);
});

t.test('a file system that does not tell is written to', async (t) => {
  const { space } = scene(0, 0);
  await t.resolves(space.assertRoom(MIB));
});
