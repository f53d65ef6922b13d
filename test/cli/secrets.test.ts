import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { deadAddress, keyAdmin, REGION, unique } from '../providers/aws/aws.ts';
import { emulators } from '../support/emulators.ts';
import { keystead } from './terminal.ts';

const PLAIN = `path: /a
region: ${REGION}
kmskey: alias/none
parameters:
  - name: open
    description: ''
    type: String
    value: 1
  - name: hidden # it is
    description: ''
    type: SecureString
    value: hunter2
`;

t.setTimeout(0);

/** What the SDK reads of the environment. */
function aws(endpoint: string): void {
  Object.assign(process.env, { AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });
}

function folder(t: Test, text = PLAIN): string {
  return join(t.testdir({ 'f.yml': text }), 'f.yml');
}

t.test('a wrong command line is 2, another failure 1, and neither gives a result', async (t) => {
  const path = folder(t, PLAIN.replace('type: String', 'type: Text'));
  const nowhere = join(path, '..', 'nowhere.yml');
  writeFileSync(nowhere, PLAIN.replace(`region: ${REGION}`, "region: ''"));
  for (const [argv, status, stderr] of [
    [['encrypt'], 2, /missing required argument/],
    [['encrypt', '--nothing', path], 2, /unknown option/],
    [['encrypt', path, path], 2, /--in-place/],
    [['encrypt', '-i', '-'], 2, /no place/],
    [['encrypt', '-r', path], 2, /--recursive goes with/],
    [['encrypt', path], 1, /f\.yml: line 7: parameter "open": the type is none of/],
    [['encrypt', `${path}.none`], 1, /is not there/],
    [['diff', path], 2, /the type is none of/],
    [['save', '--target', 'parameters://none', path], 1, /type/],
    [['export', '--format', 'xml', path], 2, /give shell, dotenv or json/],
    [['encrypt', '--key-region', 'a/b', path], 2, /the region of the key is none of AWS/],
    [['save', nowhere], 1, /nowhere\.yml: line 2: the field region is none of AWS/],
    [['diff', nowhere], 2, /nowhere\.yml: line 2: the field region is none of AWS/],
  ] as const) {
    const answer = await keystead(['secrets', ...argv]);
    t.match(answer, { status, stdout: '' }, argv.join(' '));
    t.match(answer.stderr, stderr);
    t.equal(answer.stderr.trim().split('\n').length, 1, 'one line');
    t.notMatch(answer.stderr, 'hunter2');
  }
  t.match(await keystead(['secrets', 'encrypt', '-'], { stdin: '\xff' }), { status: 1, stdout: '' });
});

t.test('what KMS or the store cannot take is refused before any call', async (t) => {
  aws(await deadAddress());
  for (const [what, text, stderr] of [
    ['an empty secret', PLAIN.replace('hunter2', "''"), /parameter "hidden": the (secret|value) is empty/],
    ['a large secret', PLAIN.replace('hunter2', 'x'.repeat(4097)), /has 4097 bytes, and .* 4096 at most/],
    ['a name with a blank', PLAIN.replace('name: open', 'name: o pen'), /parameter "o pen": the name has characters/],
    ['too many levels', PLAIN.replace('name: open', `name: ${'a/'.repeat(15)}b`), /more than 15 levels/],
    ['a reserved name', PLAIN.replace('path: /a', 'path: /aws'), /begins with aws or ssm/],
    ['a path without a slash', PLAIN.replace('path: /a', 'path: a'), /begins without a slash/],
  ] as const) {
    for (const verb of ['encrypt', 'save', 'sync']) {
      const { status, stderr: said, stdout } = await keystead(['secrets', verb, '-'], { stdin: text });
      t.match({ status, stdout }, { status: 1, stdout: '' }, `${verb}: ${what}`);
      t.match(said, stderr);
    }
  }
});

t.test('labels that the store would leave out without an error are refused before any call', async (t) => {
  aws(await deadAddress());
  const file = (labels: string) =>
    `kek: kms://cluster-kms\npath: /a\nregion: ${REGION}\nparameters:\n- {name: a, description: '', type: String, value: b, labels: '${labels}'}\n`;
  for (const labels of ['1st', 'ok, aws-x', 'SSM', 'a b', 'x'.repeat(101), 'a,b,c,d,e,f,g,h,i,j,k']) {
    for (const verb of ['save', 'sync', 'diff']) {
      const { stdout, stderr } = await keystead(['secrets', verb, '-'], { stdin: file(labels) });
      t.match({ stdout, stderr }, { stdout: '', stderr: /line 5: parameter "a": .*\blabels?\b/ }, `${verb}: ${labels}`);
    }
  }
  const { stderr } = await keystead(['secrets', 'save', '-'], { stdin: file(' v1,, a.b-c_D , v1,') });
  t.match(stderr, /store-unreachable/, 'good ones go on to the store');
});

t.test('a file that fails stays as it is, and nothing is left beside it', async (t) => {
  aws(await deadAddress());
  const path = folder(t);
  const { status, stderr } = await keystead(['secrets', 'encrypt', '-i', path]);
  t.equal(status, 1);
  t.match(stderr, /kms-unreachable/);
  t.equal(readFileSync(path, 'utf8'), PLAIN);
  t.same(readdirSync(join(path, '..')), ['f.yml']);
});

t.test('a file without secrets needs no key', async (t) => {
  aws(await deadAddress());
  const text = PLAIN.replace('SecureString', 'String');
  t.match(await keystead(['secrets', 'decrypt', '-'], { stdin: text }), { status: 0, stdout: text });
  t.match(await keystead(['secrets', 'export', '-', 'hidden'], { stdin: text }), {
    status: 0,
    stdout: 'export HIDDEN=hunter2\n',
  });
});

t.test('on moto', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  aws(env['AWS_ENDPOINT_URL'] as string);
  const admin = keyAdmin(t, env, 'us-east-2');
  const alias = `alias/${unique('local')}`;
  const key = await admin.create();
  await admin.alias(alias, key.id);
  const around = {
    env: { KEYSTEAD_SECRETS_KEY_ALIAS: alias, PSYML_KEY_ALIAS: 'alias/other', PSYML_KEY_REGION: 'us-east-2' },
  };

  await t.test('in place: mode and link stay, and only what is to change changes', async (t) => {
    const path = folder(t);
    chmodSync(path, 0o640);
    const link = join(path, '..', 'link.yml');
    symlinkSync('f.yml', link);
    t.match(await keystead(['secrets', 'encrypt', '-i', link], around), { status: 0, stdout: '', stderr: '' });
    const sealed = readFileSync(path, 'utf8');
    t.match(sealed, new RegExp(`kmskey: alias/none\nencrypted_with: ${key.arn}\n`));
    t.notMatch(sealed, 'hunter2');
    t.equal(statSync(path).mode & 0o777, 0o640);
    t.same(readdirSync(join(path, '..')).sort(), ['f.yml', 'link.yml']);
    t.match(await keystead(['secrets', 'decrypt', '-i', path], around), { status: 0 });
    t.equal(readFileSync(path, 'utf8'), PLAIN);
  });

  await t.test('a value that was moved to another name does not open, and is not shown', async (t) => {
    const { stdout } = await keystead(['secrets', 'encrypt', '-'], { ...around, stdin: PLAIN });
    for (const text of [
      stdout.replace('name: hidden', 'name: other'),
      stdout.replace(/value: \S{40}/, (all) => `${all}A`),
    ]) {
      const answer = await keystead(['secrets', 'decrypt', '-'], { ...around, stdin: text });
      t.match(answer, { status: 1, stdout: '', stderr: /parameter "(other|hidden)": / });
      t.notMatch(answer.stderr, /[A-Za-z0-9+/]{60}/);
    }
  });

  await t.test('without the key the message names it, its region and the way out', async (t) => {
    const args = ['secrets', 'encrypt', '--key-alias', 'alias/nobody', '-'];
    const { status, stderr } = await keystead(args, { ...around, stdin: PLAIN });
    t.equal(status, 1);
    t.match(stderr, /there is no key alias\/nobody in us-east-2; make it with --create-key/);
  });

  await t.test(
    'a new secret goes under the key of the file, or where that is no more, under the current one',
    async (t) => {
      const old = await admin.create();
      const file = PLAIN.replace('parameters:', `encrypted_with: ${old.arn}\nparameters:`);
      const first = await keystead(['secrets', 'encrypt', '-'], { ...around, stdin: file });
      t.match(first.stdout, `encrypted_with: ${old.arn}`);
      await admin.scheduleDeletion(old.id);
      const second = await keystead(['secrets', 'encrypt', '-'], { ...around, stdin: file });
      t.equal(second.status, 0);
      t.match(second.stderr, new RegExp(`${old.arn}.*; new secrets go under ${key.arn}`));
      t.match(await keystead(['secrets', 'decrypt', '-'], { ...around, stdin: second.stdout }), { stdout: /hunter2/ });
    },
  );

  await t.test('folders: a dry run names what would change, and one bad file does not stop the others', async (t) => {
    const dir = t.testdir({ a: { 'one.yml': PLAIN }, 'other.yml': 'a: b\n', 'two.yaml': PLAIN, 'README.md': PLAIN });
    mkdirSync(join(dir, 'a', '.git'));
    writeFileSync(join(dir, 'a', '.git', 'no.yml'), PLAIN);
    const dry = await keystead(['secrets', 'encrypt', '-r', '--dry-run', dir], around);
    t.equal(dry.stdout, `${dir}/a/one.yml: would change\n${dir}/two.yaml: would change\n`);
    writeFileSync(join(dir, 'a', 'one.yml'), PLAIN.replace('type: String', 'type: Text'));
    const real = await keystead(['secrets', 'encrypt', '-ri', dir], around);
    t.match(real, { status: 1, stderr: /one\.yml: line 7/ });
    t.notMatch(readFileSync(join(dir, 'two.yaml'), 'utf8'), 'hunter2');
  });

  await t.test('save, diff and sync: only what differs is written, and no value is shown unasked', async (t) => {
    const store = `alias/${unique('store')}`;
    const storeAdmin = keyAdmin(t, env);
    await storeAdmin.alias(store, (await storeAdmin.create()).id);
    const path = folder(t, PLAIN.replace('path: /a', `path: /${unique('cli')}`).replace('alias/none', store));
    const run = (...argv: string[]) => keystead(['secrets', ...argv, path], around);
    t.match(await run('diff'), { status: 1, stdout: /^missing {2}\S+\/open\nmissing {2}\S+\/hidden\n$/ });
    t.match(await run('save', '--dry-run'), { status: 0, stdout: /^create/ });
    t.match(await run('save'), { status: 0, stdout: /^created/ });
    t.match(await run('save'), { status: 0, stdout: '', stderr: /nothing to do/ });
    t.match(await run('diff'), { status: 0, stdout: '' });
    writeFileSync(
      path,
      readFileSync(path, 'utf8')
        .replace('hunter2', 'hunter3')
        .replace(/ {2}- name: open\n.*\n.*\n.*\n/, ''),
    );
    const diff = await run('diff');
    t.match(diff, { status: 1, stdout: /^different {2}\S+\/hidden {2}\(value\)\nextra {6}\S+\/open\n$/ });
    t.match(await run('diff', '--show'), { status: 1, stdout: /"hunter2"\n.*"hunter3"/ });
    t.match(await run('sync'), { status: 0, stdout: /^updated {2}\S+\/hidden {2}\(value\)\n$/, stderr: /--prune/ });
    t.match(await run('sync', '--prune'), { status: 0, stdout: /^deleted {2}\S+\/open\n$/ });
    t.match(await run('diff'), { status: 0, stdout: '' });
    t.match(await run('nuke', '--output', 'json'), { status: 0, stdout: /"delete"/ });
    t.match(await run('nuke'), { status: 0 }, 'what is gone already is no error');
  });
});
