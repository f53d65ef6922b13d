import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { brokenStream, keystead, startService } from './terminal.ts';

const KEK = { mastersecret: Buffer.alloc(32, 1), salt: Buffer.alloc(32, 2) };

t.test('a data key is a line of base64, the same each time', async (t) => {
  const env = { KEYSTEAD_SERVER: await startService(t) };
  const first = await keystead(['data-key', 'get', 'disk'], { env });
  t.match(first, { status: 0, stdout: /^[A-Za-z0-9+/]{43}=\n$/, stderr: /^$/ });
  t.same(await keystead(['data-key', 'get', 'disk'], { env }), first);
  const raw = await keystead(['data-key', 'get', 'disk', '--raw'], { env });
  t.equal(raw.bytes.toString('base64'), first.stdout.trim());
});

t.test('JSON is the JSON of the API', async (t) => {
  const env = { KEYSTEAD_SERVER: await startService(t) };
  const { stdout } = await keystead(['data-key', 'get', 'a"\n', '--length', '5', '--output', 'json'], { env });
  const answer = await fetch(`${env.KEYSTEAD_SERVER}/v1/data-keys/${encodeURIComponent('a"\n')}/get?length=5`, {
    method: 'POST',
  });
  t.same(JSON.parse(stdout), await answer.json());
  const described = await keystead(['data-key', 'describe', 'a', '--output=json'], { env });
  t.same(JSON.parse(described.stdout), await (await fetch(`${env.KEYSTEAD_SERVER}/v1/data-keys/a`)).json());
});

t.test('a key is not printed on a terminal unless that is asked for, and not made either', async (t) => {
  const server = await startService(t);
  const get = (...words: string[]) => keystead(['data-key', 'get', 'a', '--server', server, ...words], { isTTY: true });
  for (const words of [[], ['--output', 'plain']]) {
    t.match(await get(...words), { status: 64, stdout: /^$/, stderr: /not printed on a terminal; give --output FILE/ });
  }
  t.match(await get('--raw'), { status: 0, bytes: { length: 32 } });
  t.match(await get('--output', 'json'), { status: 0, stdout: /^\{/ });
  const away = ['data-key', 'get', 'a', '--server', 'http://127.0.0.1:9'];
  t.match(await keystead(away, { isTTY: true }), { status: 64, stderr: /on a terminal/ });
});

t.test('--output FILE makes a file for its owner alone, and tells what is known of the key', async (t) => {
  const server = await startService(t);
  const file = join(t.testdir(), 'disk.key');
  const outcome = await keystead(['data-key', 'get', 'disk', '--server', server, '--output', file], { isTTY: true });
  t.match(outcome, { status: 0, stderr: /^$/, stdout: /^id +disk\nlength +32\nversion +1\ncheck +\S{24}\n/ });
  t.equal(statSync(file).mode & 0o777, 0o600);
  const key = readFileSync(file);
  t.same(key, (await keystead(['data-key', 'get', 'disk', '--server', server, '--raw'])).bytes);
  t.notOk(outcome.stdout.includes(key.toString('base64')));
});

t.test('--output FILE never overwrites, and leaves nothing behind when there is no key', async (t) => {
  const server = await startService(t);
  const folder = t.testdir({ there: 'precious' });
  const get = (id: string, path: string, ...words: string[]) =>
    keystead(['data-key', 'get', id, '--server', server, '--output', path, ...words]);
  const there = join(folder, 'there');
  t.match(await get('a', there), {
    status: 73,
    stdout: /^$/,
    stderr: /exists already and is not overwritten \(file-exists\)/,
  });
  t.equal(readFileSync(there, 'utf8'), 'precious');
  const gone = join(folder, 'gone');
  t.match(await get('a', gone, '--create', 'must'), { status: 73, stderr: /\(data-key-exists\)/ });
  t.throws(() => statSync(gone), { code: 'ENOENT' });
  t.match(await get('a', join(folder, 'no', 'folder')), {
    status: 65,
    stderr: /the folder is not there\) \(cannot-write\)/,
  });
  t.match(await get('a', ''), { status: 64, stderr: /--output <file>': give the name of a file/ });
  t.match(await get('a', '-'), { status: 64, stdout: /^$/, stderr: /for standard output give --raw; / });
  t.notOk(existsSync('-'), 'and there is no file of that name');
});

t.test('the words json and plain are formats, and a file of such a name is given with its folder', async (t) => {
  const server = await startService(t);
  const file = join(t.testdir(), 'json');
  t.match(await keystead(['data-key', 'get', 'a', '--server', server, '--output', file]), { status: 0 });
  t.equal(statSync(file).size, 32);
  const both = await keystead(['data-key', 'get', 'a', '--server', server, '--output', 'json', '--raw']);
  t.equal(both.status, 64);
  t.match(JSON.parse(both.stderr), { reason: 'bad-usage', detail: /two formats; give one \(a file: .\/json\)/ });
});

t.test('the request goes to the service as it was given', async (t) => {
  const env = { KEYSTEAD_SERVER: await startService(t) };
  const get = (...words: string[]) => keystead(['data-key', 'get', ...words], { env });
  const { stdout } = await get('a', '--output', 'json', '--length', '64');
  const { check, version, length } = JSON.parse(stdout);
  t.equal(length, 64);
  t.match(await get('a', '--length', '64', '--expect', check, '--version', String(version)), { status: 0 });
  t.match(await get('a', '--expect', check), { status: 65, stderr: /\(check-mismatch\)/ });
  t.match(await get('a', '--version', '2'), { status: 66, stderr: /\(no-version\)/ });
  t.match(await get('a', '--create', 'must'), { status: 73, stderr: /\(data-key-exists\)/ });
  t.match(await get('a', '--length', '8161'), { status: 64, stderr: /\(bad-length\)/ });
  t.match(await get('', '--raw'), { status: 64, stderr: /the data key id is empty/ });
  t.match(await get('..', '--raw'), { status: 0, bytes: { length: 32 } });
  t.match(await get('--', '-x'), { status: 0 });
  t.match(await get('\ufffd'), { status: 64, stderr: /not UTF-8, or holds U\+FFFD/ });
});

t.test('exit statuses tell what went wrong on the way', async (t) => {
  const gone = ['status', '--server', 'http://127.0.0.1:1'];
  t.match(await keystead(gone), { status: 75, stderr: /fetch does not talk to the port/ });
  const server = await startService(t, { dev: false });
  t.match(await keystead(['data-key', 'get', 'a', '--server', server]), { status: 77, stderr: /\(no-credentials\)/ });
  t.match(await keystead(['status', '--server', server, '--token-file', '/nowhere']), {
    status: 66,
    stderr: /\(no-file\)/,
  });
  t.match(await keystead(['status', '--server', 'keystead']), { status: 64, stderr: /must be an http/ });
  t.match(await keystead(['status'], { env: { KEYSTEAD_SERVER: '' } }), {
    status: 64,
    stderr: /KEYSTEAD_SERVER is empty/,
  });
  const controller = new AbortController();
  controller.abort();
  const interrupted = { interrupted: controller.signal };
  t.match(await keystead(['status', '--server', server], interrupted), { status: 130, stderr: /\(client-gone\)/ });
});

t.test('the reader of a key may go away', async (t) => {
  const server = await startService(t);
  const get = ['data-key', 'get', 'a', '--server', server];
  t.match(await keystead(get, { stdout: brokenStream('EPIPE') }), { status: 130, stderr: /^$/ });
});

t.test('list and describe show no key and nothing that moves the cursor', async (t) => {
  const env = { KEYSTEAD_SERVER: await startService(t) };
  t.match(await keystead(['data-key', 'list', '--prefix', 'a'], { env }), { status: 0, stdout: /^$/ });
  t.match(await keystead(['data-key', 'list', '--output', 'json'], { env }), { status: 0, stdout: '[]\n' });
  const { stdout } = await keystead(['data-key', 'describe', 'a\u001b[2J\nb'], { env });
  t.match(stdout, /^id +a\\u\{1B\}\[2J\\u\{A\}b\nstate +active\nversion +1\n/);
});

t.test('kek generate makes both files for their owner alone', async (t) => {
  const dir = join(t.testdir(), 'made', 'here');
  const { status, stdout, stderr } = await keystead(['kek', 'generate', '--dir', dir, '--output', 'json']);
  t.same([status, stderr], [0, '']);
  const { fingerprint, masterSecretFile, saltFile } = JSON.parse(stdout);
  t.same([masterSecretFile, saltFile], [join(dir, 'mastersecret'), join(dir, 'salt')]);
  for (const file of [masterSecretFile, saltFile]) {
    t.equal(statSync(file).size, 32);
    t.equal(statSync(file).mode & 0o777, 0o600);
  }
  t.equal(statSync(dir).mode & 0o777, 0o700);
  t.notSame(readFileSync(masterSecretFile), readFileSync(saltFile));
  const server = await startService(t, { kek: { dir } });
  const shown = await keystead(['kek', 'status', '--server', server, '--output', 'json']);
  t.equal(JSON.parse(shown.stdout).kek.fingerprint, fingerprint, 'the service says the same fingerprint');
});

t.test('kek generate never overwrites, and makes both files or none', async (t) => {
  for (const name of ['mastersecret', 'salt']) {
    const dir = t.testdir({ [name]: 'precious' });
    const outcome = await keystead(['kek', 'generate', '--dir', dir]);
    t.match(outcome, { status: 73, stdout: /^$/, stderr: `${join(dir, name)} exists already and is not overwritten` });
    t.equal(readFileSync(join(dir, name), 'utf8'), 'precious');
    t.throws(() => statSync(join(dir, name === 'salt' ? 'mastersecret' : 'salt')), { code: 'ENOENT' });
  }
  const file = join(t.testdir({ file: '' }), 'file');
  t.match(await keystead(['kek', 'generate', '--dir', join(file, 'x')]), {
    status: 65,
    stderr: /\(ENOTDIR\) \(cannot-write\)/,
  });
});

t.test('a sealed service is opened from files, once and for all', async (t) => {
  const token = 'a-token-of-some-length';
  const folder = t.testdir({ token, kek: {}, other: {}, half: { mastersecret: 'x' } });
  for (const [name, bytes] of Object.entries(KEK)) {
    writeFileSync(join(folder, 'kek', name), bytes);
    writeFileSync(join(folder, 'other', name), Buffer.alloc(32, 9));
  }
  const tokenFile = join(folder, 'token');
  const env = {
    KEYSTEAD_SERVER: await startService(t, { dev: false, admin: { tokenFile } }),
    KEYSTEAD_TOKEN_FILE: tokenFile,
  };
  const sealed = await keystead(['kek', 'status'], { env });
  t.match(sealed, { status: 65, stderr: /^$/, stdout: /^state +sealed\n/ });
  t.match(
    (await keystead(['status'], { env })).stdout,
    /^kms error +check at 20\d\d-\S+Z: the service has no KEK yet/m,
  );
  const bootstrap = (name: string) =>
    keystead(['kek', 'bootstrap', '--dir', join(folder, name), '--output=json'], { env });
  t.match(await bootstrap('half'), { status: 66, stderr: /half\/salt is not there/ });
  const opened = await bootstrap('kek');
  t.match(opened, { status: 0, stderr: /^$/ });
  t.match(JSON.parse(opened.stdout), { kek: { version: 1, fingerprint: /^[0-9a-f]{32}$/ } });
  t.same(await bootstrap('kek'), opened);
  t.match(await bootstrap('other'), { status: 73, stderr: /kek-exists/ });
  t.match(await keystead(['kek', 'status'], { env }), { status: 0, stdout: /^state +ready\n/ });
  const status = await keystead(['status'], { env });
  t.match(status, { status: 0, stdout: /^kek fingerprint +[0-9a-f]{32}$/m });
  t.match(status.stdout, /^kms check +ready since 20\d\d-\S+Z, \d+ ms$/m);
});

t.test('bootstrap needs to know which', async (t) => {
  t.match(await keystead(['kek', 'bootstrap']), { status: 64, stderr: /give either --dir DIR or --generate/ });
  t.match(await keystead(['kek', 'bootstrap', '--dir', 'x', '--generate']), { status: 64 });
  const tokenFile = join(t.testdir({ token: 'a-token-of-some-length' }), 'token');
  const server = await startService(t, { dev: false, admin: { tokenFile } });
  const outcome = await keystead(['kek', 'bootstrap', '--generate', '--server', server, '--token-file', tokenFile]);
  t.match(outcome, { status: 0, stdout: /^version +1\nfingerprint +[0-9a-f]{32}\n$/ });
});

t.test('config explain prints values, sources and no credential', async (t) => {
  const file = join(t.testdir({ 'k.yaml': 'workers: 2\n' }), 'k.yaml');
  const env = { KEYSTEAD_KMS: 'kms://aws?keyName=a&accessKeyID=AKIAEXAMPLE&accessKey=hunter2hunter2' };
  const words = ['config', 'explain', '--config', file, '--no-dev', '--http-listen', '[::1]:0'];
  const plain = await keystead(words, { env });
  t.equal(plain.status, 0);
  for (const line of [/^kms +kms:\/\/aws\?.* KEYSTEAD_KMS$/m, /^workers +2 .*k\.yaml:1$/m, /^dev +false +--dev$/m]) {
    t.match(plain.stdout, line);
  }
  const json = await keystead([...words, '--output', 'json'], { env });
  t.match(JSON.parse(json.stdout), { file, settings: [{ key: 'kms', source: 'KEYSTEAD_KMS', flag: '--kms' }] });
  t.notMatch(plain.stdout + json.stdout, 'hunter2');
  const wrong = await keystead(['config', 'explain', '--workers', 'x'], { env: { KEYSTEAD_KM: 'x' } });
  t.match(wrong, {
    status: 64,
    stdout: /^$/,
    stderr: /^keystead: 2 problems .*KEYSTEAD_KM: .*--workers: .* \(bad-config\)\n$/,
  });
});

t.test('openapi prints the same document as YAML and as JSON', async (t) => {
  const yaml = await keystead(['openapi']);
  t.match(yaml, { status: 0, stdout: /^openapi: 3\.1\.\d$/m });
  t.equal(JSON.parse((await keystead(['openapi', '--output', 'json'])).stdout).openapi, '3.1.0');
  t.same(await keystead(['openapi', '--output', 'yaml']), yaml);
});

t.test('serve refuses a configuration that cannot be before it loads the server', async (t) => {
  const outcome = await keystead(['serve', '--http-listen', 'here', '--workers', '0']);
  t.match(outcome, {
    status: 64,
    stdout: /^$/,
    stderr: /^keystead: 2 problems in the configuration: .* \(bad-config\)\n$/,
  });
});

t.test('files that are not there or no files are refused with 66, and no pipe is waited for', async (t) => {
  const dir = t.testdir({ kek: {} });
  const pipe = join(dir, 'kek', 'mastersecret');
  execFileSync('mkfifo', [pipe]);
  for (const [argv, stderr] of [
    [['serve', '--config', join(dir, 'none')], /none: there is no such file \(no-file\)\n$/],
    [['serve', '--config', pipe], /mastersecret: it cannot be read \(it is not a file\) \(cannot-read\)\n$/],
    [['serve', '--config', '/dev/zero'], /zero: it cannot be read \(it is not a file\) \(cannot-read\)\n$/],
    [
      ['kek', 'bootstrap', '--dir', join(dir, 'kek')],
      /mastersecret cannot be read \(it is not a file\) \(cannot-read\)\n$/,
    ],
  ] as const) {
    t.match(await keystead(argv), { status: 66, stdout: /^$/, stderr });
  }
});
