import { execFileSync } from 'node:child_process';
import { symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readKekDir } from '../../../src/providers/cluster/kek-dir.ts';

const SECRET = 'm'.repeat(32);
const SALT = 's'.repeat(32);

t.test('bytes are bytes: nothing is decoded and no newline is removed', async (t) => {
  const dir = t.testdir();
  const masterSecret = Buffer.from([0xff, 0x00, ...Buffer.from('0123456789abcdef\r\n')]);
  writeFileSync(join(dir, 'mastersecret'), masterSecret);
  writeFileSync(join(dir, 'salt'), `${SALT}\n`);
  const kek = await readKekDir(dir);
  t.same(Buffer.from(kek.masterSecret.expose()), masterSecret);
  t.same(Buffer.from(kek.salt.expose()), Buffer.from(`${SALT}\n`));
});

t.test('what is missing, no file or of a wrong length is named', async (t) => {
  const dir = t.testdir({
    empty: {},
    one: { mastersecret: SECRET },
    other: { salt: SALT },
    folder: { mastersecret: {}, salt: SALT },
    short: { mastersecret: 'm'.repeat(15), salt: SALT },
    salt: { mastersecret: SECRET, salt: 's'.repeat(31) },
    nothing: { mastersecret: '', salt: SALT },
    file: SECRET,
  });
  const refusals: [string, string, RegExp][] = [
    ['missing', 'no-file', /^kek\.dir .*missing is not there; .*kek generate/],
    ['file/x', 'no-file', /x is not there/],
    ['file', 'cannot-read', /^kek\.dir .*file is not a folder$/],
    ['empty', 'no-file', /empty\/mastersecret is not there/],
    ['one', 'no-file', /one\/salt is not there/],
    ['other', 'no-file', /other\/mastersecret is not there/],
    ['folder', 'cannot-read', /folder\/mastersecret is not a file/],
    ['short', 'bad-master-secret', /short\/mastersecret is 15 bytes long, at least 16 are needed \(32 advised\)/],
    ['nothing', 'bad-master-secret', /is 0 bytes long/],
    ['salt', 'bad-salt', /salt\/salt is 31 bytes long, at least 32 are needed/],
  ];
  for (const [name, reason, message] of refusals) {
    await t.rejects(readKekDir(join(dir, name)), { name: 'KeysteadError', reason, message }, name);
  }
});

t.test('a file that cannot be read is named', async (t) => {
  const dir = t.testdir({ mastersecret: SECRET });
  // A file whose first bytes nobody can read, not even root.
  symlinkSync('/proc/self/mem', join(dir, 'salt'));
  await t.rejects(readKekDir(dir), {
    name: 'KeysteadError',
    reason: 'cannot-read',
    message: /salt cannot be read \(EIO\)/,
  });
});

t.test('a huge file is refused without being read', async (t) => {
  const dir = t.testdir({ mastersecret: SECRET, salt: SALT });
  truncateSync(join(dir, 'salt'), 2 ** 40);
  await t.rejects(readKekDir(dir), {
    name: 'KeysteadError',
    reason: 'bad-salt',
    message: /salt is longer than 65536 bytes/,
  });
});

t.test('a pipe that nobody writes to does not hold the start', async (t) => {
  const dir = t.testdir({ salt: SALT });
  execFileSync('mkfifo', [join(dir, 'mastersecret')]);
  await t.rejects(readKekDir(dir), {
    name: 'KeysteadError',
    reason: 'cannot-read',
    message: /mastersecret is not a file/,
  });
});

t.test('the largest that is read is 64 KiB', async (t) => {
  const dir = t.testdir({ mastersecret: 'm'.repeat(65536), salt: SALT });
  t.equal((await readKekDir(dir)).masterSecret.length, 65536);
  writeFileSync(join(dir, 'mastersecret'), 'm'.repeat(65537));
  await t.rejects(readKekDir(dir), { name: 'KeysteadError', reason: 'bad-master-secret' });
});
