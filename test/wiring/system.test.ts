import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { resolveSecret } from '../../src/core/secret-reference.ts';
import { secretSource } from '../../src/wiring/system.ts';

t.test('a reference leads to a file of up to 64 KiB, and to nothing that would have to be waited for', async (t) => {
  const dir = t.testdir({ good: 'secret', large: 'x'.repeat(64 * 1024 + 1) });
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  const read = (path: string) => resolveSecret({ from: 'file', path }, 'bytes', 'the secret', secretSource({}));
  const secret = await read(join(dir, 'good'));
  t.equal(Buffer.from(secret.expose()).toString(), 'secret');
  secret.dispose();
  for (const path of [join(dir, 'pipe'), join(dir, 'large'), '/dev/zero']) {
    await t.rejects(read(path), { reason: 'cannot-read', message: /the file cannot be read \(it is/ });
  }
});
