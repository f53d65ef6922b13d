import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import t, { type Test } from 'tap';
import { keystead } from './terminal.ts';

const root = normalize(join(import.meta.dirname, '..', '..'));
const PLAIN = `# mine
path: /a
region: r
kmskey: k
parameters:
  - name: open # for all
    description: ''
    type: String
    value: 1
  - name: db/password
    description: ''
    type: SecureString
    value: hunter2
  - name: pem
    description: ''
    type: SecureString
    value: |
      -----BEGIN-----
      x
`;

t.setTimeout(0);

/** A folder with a cluster KEK and a file sealed under it. */
async function sealed(t: Test) {
  const dir = t.testdir({ 'f.yml': PLAIN });
  const kek = join(dir, 'kek');
  await keystead(['kek', 'generate', '--dir', kek]);
  const path = join(dir, 'f.yml');
  const around = { env: { KEYSTEAD_KEK_DIR: kek } };
  const run = (argv: readonly string[], stdin?: string, env: Record<string, string> = {}) =>
    keystead(['secrets', ...argv], { env: { ...around.env, ...env }, ...(stdin === undefined ? {} : { stdin }) });
  t.match(await run(['encrypt', '--kek', 'kms://cluster-kms', '-i', path]), { status: 0, stderr: '' });
  return { dir, path, run, text: () => readFileSync(path, 'utf8') };
}

t.test('what --kek makes a file of the own format may hold what that format takes', async (t) => {
  const { run } = await sealed(t);
  const kek = ['--kek', 'kms://cluster-kms'];
  const long = 'x'.repeat(8000);
  const list = PLAIN.replace('type: SecureString', 'type: StringList').replace('hunter2', 'a,b');
  const text = list
    .replace('value: |', `tier: Advanced\n    value: "${long}"\n`)
    .replace(/\n {6}-----BEGIN-----\n {6}x/, '');
  const made = await run(['encrypt', ...kek, '-'], text);
  t.match(made, { status: 0, stdout: /type: stringlist\n {4}value: a,b\n/, stderr: '' });
  t.equal((await run(['get', '-', 'pem'], made.stdout)).stdout, long);
  t.match(await run(['encrypt', '-'], text), { status: 1, stdout: '' }, 'without it the format is that of psyml');
  const psyml = PLAIN.replace('type: SecureString', 'type: securestring').replace('hunter2', 'AAAA');
  t.match(await run(['encrypt', ...kek, '-'], psyml), { status: 2, stderr: /in the format of psyml/ });
});

t.test('values are sealed under a data key of the file, and open again', async (t) => {
  const { path, run, text } = await sealed(t);
  t.match(text(), /^# mine\npath: \/a\nregion: r\nkmskey: k\nkek: kms:\/\/cluster-kms\nfile: [0-9a-f]{32}\ndata_key: /);
  t.match(text(), /\nintegrity: sha256:[0-9a-f]{64}\n$/);
  t.notMatch(text(), 'hunter2');
  const decrypted = await run(['decrypt', path]);
  t.equal(decrypted.stdout.replace(/^(kek|file): .*\n/gm, ''), PLAIN);
  t.match(await run(['get', path, 'db/password']), { status: 0, stdout: 'hunter2' });
  t.match(await run(['export', path, 'db/password']), { stdout: 'export DB_PASSWORD=hunter2\n' });
  const json = async (...args: string[]) => JSON.parse((await run([...args, '--output', 'json'])).stdout);
  t.same(await json('get', path, 'db/password'), { name: 'db/password', value: 'hunter2' });
  t.same(await json('export', path, 'db/password'), { DB_PASSWORD: 'hunter2' });
  t.match(await run(['export', path, '--format', 'dotenv', '--output', 'json']), { status: 2, stdout: '' });
  const again = await run(['encrypt', path]);
  t.equal(again.stdout, text(), 'a second time nothing changes');
});

t.test('a value that was moved, to another name or another file, does not open', async (t) => {
  const { path, run, text } = await sealed(t);
  const before = text();
  writeFileSync(path, before.replace('name: pem', 'name: cert'));
  t.match(await run(['decrypt', path]), { status: 1, stdout: '', stderr: /the sealed values are not those/ });
  t.match(await run(['encrypt', '-i', '--accept-changes', path]), { status: 0 });
  const says = /f\.yml: line \d+: parameter "cert": the ciphertext does not open/;
  t.match(await run(['decrypt', path]), { status: 1, stderr: says });
  t.match(await run(['get', path, 'cert']), { status: 1, stderr: says });
  t.match(await run(['diff', path]), { status: 2, stderr: says });
  const other = (await run(['encrypt', '--kek', 'kms://cluster-kms', '-'], PLAIN)).stdout;
  const value = /value: (ks1:\S+)/.exec(before)?.[1] as string;
  writeFileSync(path, other.replace(/value: ks1:\S+/, `value: ${value}`));
  await run(['encrypt', '-i', '--accept-changes', path]);
  t.match(await run(['get', path, 'db/password']), { status: 1, stderr: /does not open/ });
});

t.test('set: a value from standard input, a new parameter, and nothing else changes', async (t) => {
  const { path, run, text } = await sealed(t);
  const lines = text().split('\n');
  t.match(await run(['set', path, 'db/password'], 'hunter3\n'), { status: 0, stdout: '', stderr: '' });
  const now = text().split('\n');
  t.same(
    now.filter((line, at) => line !== lines[at]).map((line) => line.trim().split(':')[0]),
    ['value', 'integrity'],
  );
  t.match(await run(['get', path, 'db/password']), { stdout: 'hunter3' });
  t.match(await run(['set', path, 'new', '--description', 'd'], 'a\nb: "c"'), { status: 0 });
  t.match(await run(['get', path, 'new']), { stdout: 'a\nb: "c"' });
  t.match(await run(['set', path, 'plain', '--type', 'String'], 'yes'), { status: 0 });
  t.match(text(), /\n {2}- name: plain\n {4}description: ''\n {4}type: string\n {4}value: 'yes'\n/);
  t.match(await run(['set', path, 'empty'], ''), { status: 1, stderr: /the secret is empty/ });
  t.match(await run(['check', path]), { status: 0, stdout: '1 file, nothing to say\n' });
});

t.test('edit: only what was edited is sealed anew, and nothing is left behind', async (t) => {
  const { dir, path, run, text } = await sealed(t);
  const before = text();
  const seen = join(dir, 'seen');
  const editor = join(dir, 'editor.sh');
  writeFileSync(editor, `stat -c %a "$1" > ${seen}; echo "$1" >> ${seen}; sed -i s/hunter2/hunter4/ "$1"\n`);
  t.match(await run(['edit', path], '', { EDITOR: `sh ${editor}` }), { status: 0, stdout: '' });
  const [mode, scratch] = readFileSync(seen, 'utf8').trim().split('\n');
  t.equal(mode, '600');
  t.notOk(existsSync(join(scratch as string, '..')), 'the folder is gone');
  t.match(await run(['get', path, 'db/password']), { stdout: 'hunter4' });
  const sealedAgain = text()
    .split('\n')
    .filter((line, at) => line !== before.split('\n')[at]);
  t.equal(sealedAgain.length, 2, 'one value, and the root');
  t.match(await run(['edit', path], '', { EDITOR: 'true' }), { status: 0, stderr: /nothing was changed/ });
  t.match(await run(['edit', path], '', { EDITOR: 'false' }), {
    status: 1,
    stderr: /status 1; nothing was changed \(tool-failed\)/,
  });
  writeFileSync(editor, 'echo "x: y" > "$1"\n');
  t.match(await run(['edit', path], '', { EDITOR: `sh ${editor}` }), { status: 1, stderr: /not known|missing/ });
  writeFileSync(editor, 'rm "$1"\n');
  t.match(await run(['edit', path], '', { EDITOR: `sh ${editor}` }), {
    status: 1,
    stderr: /left no file.*tool-failed/,
  });
  // An editor that is set to another character set: U+FFFD must not be sealed for the é.
  writeFileSync(editor, `printf 'path: /a\\351\\n' > "$1"\n`);
  t.match(await run(['edit', path], '', { EDITOR: `sh ${editor}` }), { status: 1, stderr: /not UTF-8/ });
  t.match(await run(['get', path, 'db/password']), { stdout: 'hunter4' });
  t.same(readdirSync(dir).sort(), ['editor.sh', 'f.yml', 'kek', 'seen']);
});

t.test('edit: after a SIGKILL the plain text is gone as well', async (t) => {
  const { dir, path } = await sealed(t);
  const seen = join(dir, 'seen');
  const env = {
    ...process.env,
    KEYSTEAD_KEK_DIR: join(dir, 'kek'),
    VISUAL: `sh -c 'echo "$1" > ${seen}.tmp; mv ${seen}.tmp ${seen}; exec sleep 60' x`,
  };
  const child = spawn(process.execPath, [join(root, 'src/cli/main.ts'), 'secrets', 'edit', path], {
    env,
    stdio: 'ignore',
    detached: true,
  });
  await until(() => existsSync(seen));
  const scratch = readFileSync(seen, 'utf8').trim();
  t.ok(existsSync(scratch));
  process.kill(-(child.pid as number), 'SIGKILL');
  await until(() => !existsSync(join(scratch, '..')));
  t.notOk(existsSync(scratch));
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

t.test('exec: the values are in the environment of the command alone', async (t) => {
  const { dir, path, run } = await sealed(t);
  const out = join(dir, 'out');
  const script = `printf %s "$DB_PASSWORD" > ${out}; exit 7`;
  t.match(await run(['exec', path, '--', 'sh', '-c', script], '', { PATH: process.env['PATH'] ?? '' }), {
    status: 7,
    stderr: '',
  });
  t.equal(readFileSync(out, 'utf8'), 'hunter2');
  t.equal(process.env['DB_PASSWORD'], undefined);
  t.match(await run(['exec', path, '--', '/nowhere/nothing']), { status: 1, stderr: /is not there/ });
});

t.test('rotate-kek: another KEK, and every value as it was', async (t) => {
  const { dir, path, run, text } = await sealed(t);
  const before = text();
  await keystead(['kek', 'generate', '--dir', join(dir, 'next')]);
  const to = `kms://cluster-kms?key=file://${dir}/next/mastersecret&salt=file://${dir}/next/salt`;
  t.match(await run(['rotate-kek', '--dry-run', '--to', to, path]), { status: 0, stdout: /would change/ });
  t.equal(text(), before);
  t.match(await run(['rotate-kek', '-i', '--to', to, path]), { status: 0, stderr: '' });
  const changed = text()
    .split('\n')
    .filter((line, at) => line !== before.split('\n')[at]);
  t.match(changed, [/^data_key: /]);
  t.match(await run(['decrypt', path]), { status: 1, stderr: /fingerprint|another KEK|wrapped by/ });
  t.match(await run(['get', path, 'db/password'], '', { KEYSTEAD_KEK_DIR: join(dir, 'next') }), { stdout: 'hunter2' });
});

t.test('refresh seals every value anew', async (t) => {
  const { path, run, text } = await sealed(t);
  const before = text();
  t.match(await run(['refresh', '-i', path]), { status: 0 });
  const values = (text: string) => [...text.matchAll(/ks1:\S+/g)].map(([value]) => value);
  t.equal(values(text()).filter((value) => values(before).includes(value)).length, 0);
  t.match(await run(['get', path, 'db/password']), { stdout: 'hunter2' });
});

t.test('on a terminal the line that tells how far it is goes before a failure is told', async (t) => {
  const { dir, run } = await sealed(t);
  const items = Array.from(
    { length: 25 },
    (_, n) => `  - {name: n${n}, description: '', type: SecureString, value: v}\n`,
  );
  const head = PLAIN.slice(0, PLAIN.indexOf('  - name'));
  const { stdout } = await run(['encrypt', '--kek', 'kms://cluster-kms', '-'], head + items.join(''));
  const moved = await run(['encrypt', '--accept-changes', '-'], stdout.replace('name: n24', 'name: other'));
  const env = { KEYSTEAD_KEK_DIR: join(dir, 'kek') };
  const { stderr } = await keystead(['secrets', 'decrypt', '-'], { env, stdin: moved.stdout, isTTY: true });
  t.match(stderr, '\r24 of 25\r\x1b[Kkeystead: standard input: line ');
  t.match(stderr, /"other": the ciphertext does not open/);
});

t.test('check finds what must not be committed', async (t) => {
  const { dir, path, run, text } = await sealed(t);
  const whole = text();
  t.match(await run(['check', dir]), { status: 0 });
  t.match(await run(['check', '--allow-kek', 'kms://aws?keyName=alias/a', dir]), {
    status: 1,
    stdout: /f\.yml: line 5: the file is under another key/,
  });
  for (const [what, changed, message] of [
    [
      'a secret in plain text',
      whole.replace('type: string\n', 'type: SecureString\n'),
      /line 9: parameter "open" is a secret in plain text/,
    ],
    [
      'a value that is no ciphertext',
      whole.replace(/value: ks1:\S+/, 'value: hunter2'),
      /is called sealed and has no ciphertext/,
    ],
    ['a root that does not hold', whole.replace('name: pem', 'name: cert'), /the sealed values are not those/],
    ['a damaged file', whole.replace('path:', 'paths:'), /is not known/],
    [
      'credentials of a KEK',
      whole.replace('kek: kms://cluster-kms', 'kek: kms://aws?keyName=alias/a&accessKeyID=a&accessKey=hunter2'),
      /line 5: the field kek holds a key or credentials in plain text/,
    ],
    [
      'credentials of a store',
      whole.replace('kek:', 'target: parameters://aws?accessKeyID=a&accessKey=hunter2\nkek:'),
      /line 5: the field target holds a key or credentials in plain text/,
    ],
  ] as const) {
    writeFileSync(path, changed);
    const { status, stdout } = await run(['check', '--offline', dir]);
    t.equal(status, 1, what);
    t.match(stdout, message);
    t.notMatch(stdout, 'hunter2');
  }
  writeFileSync(path, whole.replace('kms://cluster-kms', 'kms://aws?keyName=alias/a&accessKeyID=a&accessKey=env://A'));
  t.match(await run(['check', '--offline', path]), { status: 0 }, 'where credentials are is no secret');
  writeFileSync(path, PLAIN.replace(/SecureString/g, 'String'));
  t.match(await run(['check', '--offline', '--require-format', 'keystead', dir]), {
    status: 1,
    stdout: /format of psyml/,
  });
});

t.test('a key that stands in the file is warned of', async (t) => {
  const { path, run, text } = await sealed(t);
  const key = Buffer.alloc(32, 7).toString('base64url');
  const kek = `kms://cluster-kms?key=${key}&salt=${key}`;
  writeFileSync(path, `kek: ${kek}\n${PLAIN}`);
  const { status, stderr } = await run(['encrypt', '-i', path]);
  t.equal(status, 0);
  t.match(stderr, /f\.yml: line 1: the field kek holds a key or credentials in plain text/);
  t.notMatch(stderr, key);
  writeFileSync(path, text().replace(kek, 'kms://cluster-kms'));
  t.match(await run(['get', '--kek', kek, path, 'db/password']), { status: 0, stdout: 'hunter2', stderr: '' });
});

t.test('import: a dotenv file becomes a sealed file', async (t) => {
  const { run } = await sealed(t);
  const dotenv = `# c\nexport A=plain # c\nB='it is $x'\nC="two\\nlines \\"q\\""\nD="a\nb" # c\nE= # c\nF="pa\\ss\\\\"\n`;
  const args = [
    'import',
    '--from',
    'dotenv',
    '--path',
    '/a',
    '--region',
    'r',
    '--kmskey',
    'k',
    '--kek',
    'kms://cluster-kms',
    '-',
  ];
  const { status, stdout, stderr } = await run(args, dotenv);
  t.equal(status, 0, stderr);
  t.notMatch(stdout, /plain|lines/);
  const back = await run(['export', '--format', 'json', '-'], stdout);
  t.same(JSON.parse(back.stdout), { A: 'plain', B: 'it is $x', C: 'two\nlines "q"', D: 'a\nb', F: 'pa\\ss\\' });
  t.match(await run(args, 'A=1\nwhat\n'), { status: 1, stderr: /line 2: this is no NAME=VALUE/ });
  const inner = await run(args, `A="say "it""\n`);
  t.match(inner, { status: 1, stdout: '', stderr: /line 1: there is more behind the closing quote of A/ });
});

t.test('a file names one KEK', async (t) => {
  const { path, run } = await sealed(t);
  const other = 'kms://aws?keyName=alias/a&region=eu-west-1';
  t.match(await run(['decrypt', '--kek', other, path]), { status: 1, stderr: /names another kek/ });
  t.match(await run(['encrypt', '--kek', 'kms://nobody', '-'], PLAIN), { status: 1, stderr: /unknown provider/ });
  t.match(await run(['decrypt', path], '', { KEYSTEAD_KEK_DIR: '/nowhere' }), { status: 1, stdout: '' });
});
