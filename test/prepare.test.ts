import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import t, { type Test } from 'tap';

const root = normalize(join(import.meta.dirname, '..'));

t.test(
  'all is installed, whatever is left out elsewhere; where scripts of packages are switched off, that of the pinned Node is run by name',
  async (t) => {
    const { prepare } = checkout(t);
    const { stderr } = prepare('mkdir -p node_modules dist; echo "npm $*"');
    t.match(stderr, /^npm ci --include=dev --include=optional .*\nnpm rebuild node --ignore-scripts=false .*$/m);
    const placed = 'mkdir -p node_modules/node/bin dist; touch node_modules/node/bin/node; echo "npm $*"';
    t.notMatch(checkout(t).prepare(placed).stderr, /rebuild/);
  },
);

t.test('where the pinned Node does not run, that of the system does the work', async (t) => {
  for (const [status, left] of [
    [0, true],
    [127, false],
  ] as const) {
    const { folder, prepare } = checkout(t);
    const pinned = join(folder, 'node_modules/.bin/node');
    const place = `mkdir -p node_modules/.bin dist
[ "$1" != ci ] || { printf '#!/bin/sh\\nexit ${status}\\n' >${pinned}; chmod +x ${pinned}; }`;
    t.match(prepare(place), { status: 0 });
    t.equal(existsSync(pinned), left);
  }
});

t.test('an installation that fails is told in a line, by its command, and is tried again', async (t) => {
  const { folder, prepare } = checkout(t);
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

/** What `.ci/prepare.mjs` reads of a checkout, with an npm that does what a script says. */
function checkout(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'keystead-prepare-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const made of ['bin', 'src']) mkdirSync(join(folder, made));
  for (const file of ['.ci/prepare.mjs', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', '.ci/bundle.ts'])
    cpSync(join(root, file), join(folder, file));
  const npm = join(folder, 'bin', 'npm');
  const prepare = (script: string) => {
    writeFileSync(npm, `#!/bin/sh\n${script}\n`);
    chmodSync(npm, 0o755);
    const env = { PATH: `${join(folder, 'bin')}:/usr/bin:/bin` };
    return spawnSync(process.execPath, [join(folder, '.ci/prepare.mjs')], { encoding: 'utf8', env });
  };
  return { folder, prepare };
}
