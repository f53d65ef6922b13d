import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { adminToken, readAdminToken } from '../../src/auth/admin-token.ts';
import { tokenMark } from '../../src/auth/bearer.ts';
import { readSmallFile } from '../../src/config/read-small-file.ts';

const TOKEN = 'correct-horse-battery';

t.test('the token stands for the administrator, and is kept as its hash', async (t) => {
  const { principal, sha256 } = adminToken(TOKEN);
  t.same(principal, { kind: 'token', name: 'admin', groups: ['keystead:admins'] });
  t.equal(sha256.toString('latin1'), tokenMark(TOKEN));
});

t.test('one newline at the end is not part of the token', async (t) => {
  for (const file of [`${TOKEN}\n`, `${TOKEN}\r\n`]) t.same(adminToken(file), adminToken(TOKEN));
});

t.test('a token that is short or holds what no header carries is refused, and not repeated', async (t) => {
  for (const bad of ['fifteen-letters', '', `${TOKEN}\n\n`, `${TOKEN} x`, `${TOKEN}ä`, `${TOKEN}\u0000`]) {
    t.throws(() => adminToken(bad), { reason: 'bad-config', message: /^(?!.*horse).*at least 16 characters/ });
  }
  t.doesNotThrow(() => adminToken('sixteen-letters!'));
});

t.test('a token file is read, or refused by its name', async (t) => {
  const dir = t.testdir({ good: `${TOKEN}\n`, short: 'short', long: 'x'.repeat(4097), folder: {} });
  const read = (name: string) => readAdminToken(join(dir, name), { readFile: readSmallFile });
  t.same(await read('good'), adminToken(TOKEN));
  await t.rejects(read('missing'), { reason: 'no-file', message: /missing is not there/ });
  await t.rejects(read('good/x'), { name: 'KeysteadError', reason: 'no-file' });
  await t.rejects(read('short'), { reason: 'bad-config', message: /short must be at least 16/ });
  await t.rejects(read('long'), { reason: 'cannot-read', message: /larger than 4096 bytes/ });
  await t.rejects(read('folder'), { reason: 'cannot-read', message: /folder cannot be read/ });
  // A file whose first bytes nobody can read, not even root.
  symlinkSync('/proc/self/mem', join(dir, 'unreadable'));
  await t.rejects(read('unreadable'), { reason: 'cannot-read', message: /unreadable cannot be read \(EIO\)/ });
});
