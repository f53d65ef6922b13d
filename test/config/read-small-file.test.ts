import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readSmallFile, readSmallFileSync } from '../../src/config/read-small-file.ts';

const ways = {
  readSmallFile,
  readSmallFileSync: async (path: string, max: number) => readSmallFileSync(path, max),
};

for (const [name, read] of Object.entries(ways)) {
  t.test(`${name} gives the bytes as they are, in memory of their own`, async (t) => {
    const file = join(t.testdir({}), 'file');
    writeFileSync(file, Buffer.from([0xff, 0x00, 0x0a]));
    const bytes = await read(file, 3);
    t.same([...bytes], [0xff, 0x00, 0x0a]);
    t.equal(bytes.buffer.byteLength, 3);
    writeFileSync(file, '');
    t.equal((await read(file, 3)).length, 0);
  });

  t.test(`${name} refuses what is too large, no file, or not there, and never waits`, async (t) => {
    const dir = t.testdir({ large: '1234' });
    mkdirSync(join(dir, 'folder'));
    execFileSync('mkfifo', [join(dir, 'pipe')]);
    await t.rejects(read(join(dir, 'large'), 3), { code: 'it is larger than 3 bytes' });
    await t.rejects(read(join(dir, 'folder'), 3), { code: 'EISDIR' });
    await t.rejects(read(join(dir, 'pipe'), 3), { code: 'it is not a file' });
    await t.rejects(read('/dev/zero', 3), { code: 'it is not a file' });
    await t.rejects(read(join(dir, 'none'), 3), { code: 'ENOENT' });
  });

  t.test(`${name} reads a file whose size is not told`, { skip: process.platform !== 'linux' }, async (t) => {
    t.match(String(await read('/proc/self/stat', 4096)), String(process.pid));
  });
}
