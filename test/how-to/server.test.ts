import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';

const program = join(import.meta.dirname, '../../docs/how-to/server/inside.ts');

t.test('the service runs inside a program, by what the package gives', { timeout: 390_000 }, async (t) => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { timeout: 390_000 });
  t.equal(stdout, '32 bytes, the same again: true\n');
  const actions = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).action ?? JSON.parse(line).type);
  t.same(actions, ['open', 'data-key.get', 'data-key.get', 'close'], 'the trail is whole');
});
