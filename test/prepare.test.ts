import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import t from 'tap';

const root = normalize(join(import.meta.dirname, '..'));

t.test('an installation that fails is told in a line, by its command, and is tried again', async (t) => {
  const folder = t.testdir({ bin: {}, src: {} });
  for (const file of ['.ci/prepare.mjs', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', '.ci/bundle.ts'])
    cpSync(join(root, file), join(folder, file));
  const npm = join(folder, 'bin', 'npm');
  const prepare = (script: string) => {
    writeFileSync(npm, `#!/bin/sh\n${script}\n`);
    chmodSync(npm, 0o755);
    const env = { PATH: `${join(folder, 'bin')}:/usr/bin:/bin` };
    return spawnSync(process.execPath, [join(folder, '.ci/prepare.mjs')], { encoding: 'utf8', env });
  };
  const failed = prepare('echo "no space left" >&2; exit 28');
  t.equal(failed.status, 1);
  t.equal(failed.stdout, '');
  t.match(failed.stderr, /no space left\nkeystead: npm ci .*failed \(status 28\), as it says above.*\n$/);
  t.notMatch(failed.stderr, /\n {4}at /);
  mkdirSync(join(folder, 'node_modules'));
  mkdirSync(join(folder, 'dist'));
  const whole = prepare('mkdir -p dist; exit 0');
  t.match(whole, { status: 0, stderr: 'installing the dependencies (once) …\nbuilding …\n' });
  t.match(prepare('exit 1'), { status: 0, stderr: '' }, 'what was done is not done again');
});
