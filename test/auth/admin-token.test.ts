import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { adminToken, readAdminToken } from '../../src/auth/admin-token.ts';

const TOKEN = 'correct-horse-battery';

t.test('who shows the token is the administrator, everybody else is nobody', async (t) => {
  const authenticator = adminToken(TOKEN);
  const bearer = (authorization: string) => authenticator.authenticate({ authorization });
  t.match(await bearer(`Bearer ${TOKEN}`), { kind: 'token', name: 'admin', groups: ['keystead:admins'] });
  t.match(await bearer(`bearer  ${TOKEN}`), { name: 'admin' }, 'the scheme is compared without case');
  for (const wrong of [
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
    `Basic ${TOKEN}`,
    TOKEN,
    'Bearer',
    'Bearer ',
    '',
  ]) {
    t.equal(await bearer(wrong), undefined, wrong);
  }
  t.equal(await authenticator.authenticate({}), undefined);
});

t.test('one newline at the end is not part of the token', async (t) => {
  for (const file of [`${TOKEN}\n`, `${TOKEN}\r\n`]) {
    t.ok(await adminToken(file).authenticate({ authorization: `Bearer ${TOKEN}` }));
  }
});

t.test('a token that is short or holds what no header carries is refused, and not repeated', async (t) => {
  for (const bad of ['fifteen-letters', '', `${TOKEN}\n\n`, `${TOKEN} x`, `${TOKEN}ä`, `${TOKEN}\u0000`]) {
    t.throws(() => adminToken(bad), { reason: 'bad-config', message: /^(?!.*horse).*at least 16 characters/ });
  }
  t.doesNotThrow(() => adminToken('sixteen-letters!'));
});

t.test('two authenticators have one id when they have one token', async (t) => {
  t.equal(adminToken(TOKEN).id, adminToken(`${TOKEN}\n`).id);
  t.not(adminToken(TOKEN).id, adminToken(`${TOKEN}x`).id);
  t.notMatch(adminToken(TOKEN).id, /horse/);
});

t.test('a token file is read, or refused by its name', async (t) => {
  const dir = t.testdir({ good: `${TOKEN}\n`, short: 'short', long: 'x'.repeat(4097), folder: {} });
  const read = (name: string) => readAdminToken(join(dir, name));
  t.ok(await (await read('good')).authenticate({ authorization: `Bearer ${TOKEN}` }));
  await t.rejects(read('missing'), { reason: 'no-file', message: /missing is not there/ });
  await t.rejects(read('good/x'), { name: 'KeysteadError', reason: 'no-file' });
  await t.rejects(read('short'), { reason: 'bad-config', message: /short must be at least 16/ });
  await t.rejects(read('long'), { reason: 'bad-config', message: /longer than 4096 bytes/ });
  await t.rejects(read('folder'), { reason: 'bad-config', message: /folder is not a file/ });
  // A file whose first bytes nobody can read, not even root.
  symlinkSync('/proc/self/mem', join(dir, 'unreadable'));
  await t.rejects(read('unreadable'), { reason: 'bad-config', message: /unreadable cannot be read \(EIO\)/ });
});
