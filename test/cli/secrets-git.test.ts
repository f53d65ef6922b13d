import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join, normalize } from 'node:path';
import t, { type Test } from 'tap';
import { keystead } from './terminal.ts';

const main = normalize(join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts'));
const plain = (value: string) => `path: /a
region: r
kmskey: k
parameters:
  - name: db/password
    description: ''
    type: SecureString
    value: ${value}
`;

/** A repository whose `keystead` is that of the sources, and a cluster KEK. */
async function repository(t: Test) {
  const dir = t.testdir({ bin: {}, repo: {}, home: {} });
  const repo = join(dir, 'repo');
  const kek = join(dir, 'kek');
  await keystead(['kek', 'generate', '--dir', kek]);
  writeFileSync(join(dir, 'bin', 'keystead'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, {
    mode: 0o755,
  });
  const env = {
    PATH: [join(dir, 'bin'), process.env['PATH']].join(delimiter),
    HOME: join(dir, 'home'),
    GIT_CONFIG_NOSYSTEM: '1',
    KEYSTEAD_KEK_DIR: kek,
  };
  const run = (command: string, args: readonly string[], cwd = repo) => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
    return { status, said: `${stdout}${stderr}` };
  };
  const git = (...args: string[]) => run('git', args);
  git('init', '-q');
  for (const [name, value] of [
    ['user.name', 'someone'],
    ['user.email', 'someone@localhost'],
  ] as const) {
    git('config', name, value);
  }
  const put = (name: string, text: string) => writeFileSync(join(repo, name), text);
  const ours = (...args: string[]) => run('keystead', ['secrets', ...args]);
  return { repo, run, git, put, ours, text: (name: string) => readFileSync(join(repo, name), 'utf8') };
}

t.test('many files are checked without a word of the runtime, and standard input too', async (t) => {
  const { repo, run, put, ours } = await repository(t);
  for (let n = 0; n < 12; n++) put(`f${n}.yml`, plain('hunter2').replace('SecureString', 'String'));
  t.same(ours('check', '--offline', '.'), { status: 0, said: '12 files, nothing to say\n' });
  const piped = run('sh', ['-c', 'keystead secrets check --offline - <f1.yml'], repo);
  t.same(piped, { status: 0, said: '1 file, nothing to say\n' });
});

t.test('the hook lets no secret in plain text into a commit, whatever the work tree holds', async (t) => {
  const { repo, run, git, put, ours } = await repository(t);
  rmSync(join(repo, '.git', 'hooks'), { recursive: true, force: true });
  t.match(ours('git-setup', '--pre-commit', '*.yml'), { status: 0, said: /\*\.yml merge=keystead-secrets/ });
  t.match(ours('git-setup', '--pre-commit', '*.yml'), { status: 0 }, 'a second time changes nothing');
  mkdirSync(join(repo, 'sub'));
  // Names would be told from the folder that git is asked in.
  git('config', 'diff.relative', 'true');

  put('sub/f.yml', plain('hunter2'));
  git('add', '.');
  const refused = run('git', ['commit', '-qm', 'plain'], join(repo, 'sub'));
  t.equal(refused.status, 1);
  t.match(refused.said, /^sub\/f\.yml: .*db\/password/m);
  t.notMatch(refused.said, 'hunter2');

  t.match(ours('encrypt', '--kek', 'kms://cluster-kms', '-i', 'sub/f.yml'), { status: 0 });
  t.match(git('commit', '-qm', 'sealed in the work tree alone'), { status: 1 });
  git('add', '.');
  put('sub/f.yml', plain('hunter2'));
  t.match(git('commit', '-qm', 'in plain text in the work tree alone'), { status: 0, said: /nothing to say/ });
  // To git `:1:` is a side of a merge.
  put('1:f.yml', plain('hunter2'));
  git('add', '.');
  t.match(git('commit', '-qm', 'plain'), { status: 1, said: /^1:f\.yml: .*db\/password/m });
  t.notMatch(git('log', '-p').said, 'hunter2');
});

t.test('where the PATH has no keystead git calls the program that set it up', async (t) => {
  const { repo, run, git, text } = await repository(t);
  const folder = join(repo, '..', 'git-alone');
  mkdirSync(folder);
  symlinkSync(run('sh', ['-c', 'command -v git']).said.trim(), join(folder, 'git'));
  const bare = [`PATH=${folder}`, process.execPath, main, 'secrets'];
  t.match(run('env', [...bare, 'git-setup', '--pre-commit', '*.yml'], repo), { status: 0 });
  const driver = git('config', 'merge.keystead-secrets.driver').said;
  t.equal(driver, `${process.execPath} ${main} secrets merge-driver %O %A %B -- %P\n`);
  t.match(text('.git/hooks/pre-commit'), `exec ${process.execPath} ${main} secrets check --staged`);
});

t.test('a submodule with the name of a secrets file is passed over', async (t) => {
  const { git, put, ours } = await repository(t);
  git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},module.yml`);
  t.same(ours('check', '--staged', '--offline'), { status: 0, said: '0 files, nothing to say\n' });
  put('f.yml', plain('hunter2'));
  git('add', 'f.yml');
  t.match(ours('check', '--staged', '--offline'), { status: 1, said: /f\.yml: line \d+: .* in plain text/ });
});

t.test('a hook of another is left alone', async (t) => {
  const { repo, put, ours, text } = await repository(t);
  mkdirSync(join(repo, '.git', 'hooks'), { recursive: true });
  put('.git/hooks/pre-commit', '#!/bin/sh\n');
  t.match(ours('git-setup', '--pre-commit'), { status: 1, said: /exists already/ });
  t.equal(text('.git/hooks/pre-commit'), '#!/bin/sh\n');
});

t.test('the driver merges a file whose name looks like an option', async (t) => {
  const { git, put, ours, text } = await repository(t);
  ours('git-setup', '*.yml');
  put('start.yml', plain('one'));
  ours('encrypt', '--kek', 'kms://cluster-kms', '-i', 'start.yml');
  const start = text('start.yml');
  const commit = (value: string) => {
    put('--help.yml', value);
    git('add', '.');
    return git('commit', '-qm', 'change');
  };
  commit(start);
  git('branch', 'start');
  commit(start.replace('region: r', 'region: q'));
  git('checkout', '-qb', 'other', 'start');
  commit(start.replace("description: ''", 'description: main'));
  const merged = git('merge', '-q', '-m', 'merge', '-');
  t.match(merged, { status: 0 }, merged.said);
  t.match(text('--help.yml'), /region: q[\s\S]*description: main/);
});
