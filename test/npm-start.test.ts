import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';

const root = join(import.meta.dirname, '..');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

t.test('nothing is done before a command that npm leaves out where scripts of packages are switched off', async (t) => {
  const before = Object.keys(scripts).filter((name) => /^(pre|post)/.test(name));
  t.strictSame(before, []);
});

t.test('whoever ends `npm start` ends the service', async (t) => {
  const { PATH, ...env } = process.env;
  // As npm runs a script; and npm passes signals on to that shell, and to nobody else.
  const shell = spawn('sh', ['-c', `${scripts.start} --http-listen 127.0.0.1:0 --grpc-listen off`], {
    cwd: root,
    env: { ...env, PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${PATH}` },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  t.teardown(() => {
    try {
      process.kill(-(shell.pid as number), 'SIGKILL');
    } catch {
      // All of them are gone.
    }
  });
  const ended = once(shell, 'exit');
  for await (const line of createInterface({ input: shell.stderr })) {
    if (line.includes('"msg":"ready"')) break;
  }
  shell.kill('SIGTERM');
  t.strictSame(await ended, [0, null], 'the service itself has had the signal, and stopped in order');
});
