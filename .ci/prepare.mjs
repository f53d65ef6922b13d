// Makes a checkout ready: installs when the lock file has changed since, builds when a source has changed since.
// Runs on whatever Node npm runs on (20 or newer) and before anything is installed, so it imports nothing of ours.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
// Node 22.19, the oldest that the dependencies are made for.
const [major, minor] = process.versions.node.split('.').map(Number);
const OWN_NODE_WILL_DO = major > 22 || (major === 22 && minor >= 19);
/** With all development dependencies and the build. */
const NEEDED_MB = 1000;
/** Tools and platforms' binaries are needed, whatever NODE_ENV or the user's npm leaves out elsewhere. */
const INSTALLING = ['--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
const env = { ...process.env, PATH: `${join(modules, '.bin')}${delimiter}${process.env.PATH}` };

function sha256(...files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(root, file)))
      .update('\0');
  return hash.digest('hex');
}

// unlessStamped FILE CONTENT ACTION: what was done for the same content is not done again.
function unlessStamped(stamp, content, action) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === content) return;
  rmSync(stamp, { force: true });
  action();
  writeFileSync(stamp, content);
}

function run(command, ...args) {
  // npm's own chatter belongs on stderr: stdout is for results.
  try {
    execFileSync(command, args, { cwd: root, env, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  } catch (error) {
    const how = error.code ?? error.signal ?? `status ${error.status}`;
    const { bavail, bsize } = statfsSync(root);
    const free = Math.floor(bavail * (bsize / 2 ** 20));
    // What a full disk breaks does not always say so itself.
    const space = free < NEEDED_MB ? `; the disk has ${free} MB left, and ${NEEDED_MB} are needed` : '';
    process.stderr.write(`keystead: ${[command, ...args].join(' ')} failed (${how}), as it says above${space}\n`);
    process.exit(1);
  }
}

/** Node's own builds do not run on every system, such as one whose libc is musl. */
function leaveOutPinnedNodeUnlessItRuns() {
  const pinned = join(modules, '.bin', 'node');
  try {
    execFileSync(pinned, ['--version'], { stdio: 'ignore' });
  } catch {
    rmSync(pinned, { force: true });
    if (OWN_NODE_WILL_DO) return;
    process.stderr.write('keystead: the pinned Node does not run here; use Node 22.19 or newer\n');
    process.exit(1);
  }
}

unlessStamped(join(modules, '.keystead-installed'), sha256('package-lock.json'), () => {
  process.stderr.write('installing the dependencies (once) …\n');
  run('npm', 'ci', ...INSTALLING);
  // Where scripts of packages are switched off, this one is run by name: it puts the pinned Node in its place.
  if (!existsSync(join(modules, 'node', 'bin', 'node')))
    run('npm', 'rebuild', 'node', '--ignore-scripts=false', '--loglevel=error');
  leaveOutPinnedNodeUnlessItRuns();
  // npm leaves out optional packages that the Node it runs on is too old for. From here on it runs on the one that it
  // has just installed, and adds them.
  if (!OWN_NODE_WILL_DO) run('npm', 'install', '--no-save', ...INSTALLING);
});

const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
  .sort();
const builders = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', '.ci/bundle.ts'];
unlessStamped(join(root, 'dist', '.keystead-built'), sha256(...builders, ...sources), () => {
  process.stderr.write('building …\n');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run('npm', 'run', '--silent', 'build');
});
