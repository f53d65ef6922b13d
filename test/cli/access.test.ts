import { execFile } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { sdkEnvironment } from '../providers/aws/environment.ts';
import { runConsolePage } from '../support/console-page.ts';
import { emulators } from '../support/emulators.ts';
import { unique } from '../support/opened-doors.ts';
import { hops, type StsBox, stsBox } from '../support/sts-box.ts';
import { keystead } from './terminal.ts';

t.setTimeout(400_000);

const TARGET = '222222222222';
const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const accessor = {
  accounts: [TARGET, '333333333333'],
  multi_hop_accessors: [
    {
      role_session_name: 'scan',
      access_steps: [
        { role_name: 'Hub', account_id: '111111111111', external_id: '{{ env.ID }}' },
        { role_name: 'Audit' },
      ],
    },
  ],
};

/** Runs a command on a terminal, types a line where a code is asked for, and gives what was shown and the exit status. */
const TYPIST = `
import os, pty, sys
child, terminal = pty.fork()
if child == 0: os.execv(sys.argv[2], sys.argv[2:])
shown, typed = b'', False
while True:
    try: more = os.read(terminal, 4096)
    except OSError: break
    if not more: break
    shown += more
    if not typed and b'mfa/me: ' in shown:
        typed = True
        os.write(terminal, sys.argv[1].encode() + b'\\n')
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`;

/** A folder with an accessor; commands get the base credentials by the environment, as the SDK finds them. */
function surroundings(t: Test, box: StsBox, document: object = accessor) {
  const aws = {
    AWS_ACCESS_KEY_ID: 'base',
    AWS_SECRET_ACCESS_KEY: 'base',
    AWS_REGION: 'eu-west-1',
    AWS_ENDPOINT_URL: box.url,
  };
  const file = join(sdkEnvironment(t, aws), 'accessor.json');
  writeFileSync(file, JSON.stringify(document));
  box.take();
  box.rules = [];
  const env = { ID: 'hush-id', ...aws };
  const run = (command: string, ...words: string[]) =>
    keystead(['access', command, '--accessor', file, ...words], { env });
  return { file, env, run };
}

t.test('the page that tells how to come into other accounts works as it stands', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const page = readFileSync(join(import.meta.dirname, '../../docs/how-to/access.md'), 'utf8');
  // A key of the page's own: the emulator is shared.
  const text = page.replaceAll('alias/keystead', `alias/${unique('keystead')}`);
  const base = { AWS_ACCESS_KEY_ID: 'base', AWS_SECRET_ACCESS_KEY: 'base', AWS_REGION: 'eu-central-1' };
  await runConsolePage(t, text, { cwd: t.testdir({}), env: { ...env, ...base, AWS_CONFIG_FILE: '/dev/null' } });
});

t.test('show prints every hop and makes no call', async (t) => {
  const dir = t.testdir({
    'accessor.json': JSON.stringify(accessor),
    'empty.yaml': 'cache_creds: true\n',
    bad: '{"a":1}',
  });
  const show = (name: string, ...words: string[]) =>
    keystead(['access', 'show', '--accessor', join(dir, name), ...words], { env: { ID: 'hush-id' } });
  t.match(await show('accessor.json', '--account', TARGET), {
    status: 0,
    stdout:
      '1. session scan\n   arn:aws:iam::111111111111:role/Hub with external id\n   arn:aws:iam::222222222222:role/Audit\n',
  });
  const regional = ['accessor.json', '--account', TARGET, '--region', 'eu-west-1'] as const;
  t.match(await show(...regional), { status: 0, stdout: /^1\. session scan in eu-west-1\n {3}arn:aws:iam/ });
  t.match(JSON.parse((await show(...regional, '--output', 'json')).stdout), { region: 'eu-west-1' });
  const json = await show('accessor.json', '--output', 'json');
  t.match(JSON.parse(json.stdout), {
    cacheCreds: true,
    chains: [{ sessionName: 'scan', hops: [{ externalId: true }, { roleArn: 'arn:aws:iam::TARGET:role/Audit' }] }],
  });
  t.notMatch(json.stdout, /hush/);
  t.match(await show('empty.yaml'), { status: 0, stdout: /no chains/ });
  t.match(await show('bad'), { status: 64, stderr: /a is not a known field.*\(bad-accessor\)/ });
  t.match(await show('none'), { status: 66, stderr: /\(no-file\)/ });
});

t.test('on moto', async (t) => {
  const moto = await emulators(t, ['moto']);
  if (moto === undefined) return;
  const box = await stsBox(t, moto['AWS_ENDPOINT_URL'] ?? '');

  await t.test('probe says whose session it is, or why there is none', async (t) => {
    const { run } = surroundings(t, box);
    t.match(await run('probe', '--account', TARGET), {
      status: 0,
      stdout:
        /ACCOUNT +RESULT +TOOK +SESSION\n222222222222 +ok +\d+ ms +arn:aws:sts::222222222222:assumed-role\/Audit\/scan\n/,
    });
    box.rules = [{ action: 'AssumeRole', match: { RoleArn: ':333333333333:' }, error: true }];
    t.match(await run('probe', '--account', '333333333333'), {
      status: 77,
      stdout: '',
      stderr: /Hub@111111111111 reached, then Audit@333333333333 denied.*\(no-access\)/,
    });
    const all = await run('probe', '--all', '--output', 'json');
    t.equal(all.status, 77);
    t.match(JSON.parse(all.stdout), {
      reached: 1,
      failed: 1,
      accounts: [
        { account: TARGET, ok: true, chain: 'accessor:scan:Hub@111111111111,Audit@target' },
        { ok: false, reason: 'no-access' },
      ],
    });
    t.match(await run('probe'), { status: 64, stderr: /--account/ });
  });

  await t.test('probe --all reads many accounts, and shows on a terminal how far it is', async (t) => {
    const { file, env } = surroundings(t, box);
    const accounts = join(file, '..', 'accounts');
    const many = Array.from({ length: 40 }, (_, n) => String(400_000_000_000 + n));
    writeFileSync(accounts, `# ours\n${many.join('\n')} ${many[0]}\n`);
    const words = ['access', 'probe', '--accessor', file, '--all', '--accounts', accounts, '--concurrency', '4'];
    const { status, stdout, stderr } = await keystead(words, { env, isTTY: true });
    t.equal(status, 0);
    t.match(stdout, /40 of 40 accounts reached\n$/);
    t.match(stderr, /40 of 40 accounts.*\r/s);
    t.equal(hops(box.take()).length, 41, 'one hub, and each account once');
    writeFileSync(accounts, `${many[0]}\n12\n`);
    t.match(await keystead(words, { env }), { status: 64, stderr: /entry 2 of .*12 digits/ });
  });

  await t.test('env hides the secrets unless it is asked to export them', async (t) => {
    const { run } = surroundings(t, box);
    const hidden = await run('env', '--account', TARGET, '--region', 'us-east-1');
    t.match(
      hidden.stdout,
      /^AWS_ACCESS_KEY_ID=ASIA\w+\nAWS_SECRET_ACCESS_KEY=\[secret\]\nAWS_SESSION_TOKEN=\[secret\]\nAWS_REGION=us-east-1\n/,
    );
    const shown = await run('env', '--account', TARGET, '--export');
    t.match(shown.stdout, /^export AWS_ACCESS_KEY_ID='ASIA\w+'\nexport AWS_SECRET_ACCESS_KEY='[^[]+'\n/);
    const process = JSON.parse((await run('env', '--account', TARGET, '--export', '--output', 'json')).stdout);
    t.match(process, { Version: 1, AccessKeyId: /^ASIA/, SecretAccessKey: /./, SessionToken: /./, Expiration: /Z$/ });
    const json = await run('env', '--account', TARGET, '--output', 'json');
    t.match(JSON.parse(json.stdout), { account: TARGET, variables: { AWS_SESSION_TOKEN: '[secret]' } });
  });

  await t.test(
    'exec runs a command as the session: nothing of it on a command line, and its exit status is ours',
    async (t) => {
      const { file, env } = surroundings(t, box);
      const script = 'tr "\\0" " " < /proc/$PPID/cmdline; echo; tr "\\0" " " < /proc/$$/cmdline; echo; env; exit 7';
      const words = [main, 'access', 'exec', '--accessor', file, '--account', TARGET, '--', 'sh', '-c', script];
      const child = await promisify(execFile)(process.execPath, words, {
        env: {
          PATH: process.env['PATH'],
          AWS_ROLE_SESSION_NAME: 'mine',
          AWS_EC2_METADATA_DISABLED: 'true',
          HOME: join(file, '..'),
          ...env,
          AWS_CONFIG_FILE: '/dev/null',
        },
      }).catch((error) => error as { code: number; stdout: string; stderr: string });
      t.match(child, { code: 7 });
      const out = String(child.stdout);
      const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(out)?.[1] ?? '';
      t.equal(box.whoIs(value('AWS_ACCESS_KEY_ID')), `arn:aws:sts::${TARGET}:assumed-role/Audit/scan`);
      t.match(value('AWS_REGION'), 'eu-west-1');
      t.equal(value('AWS_ROLE_SESSION_NAME'), '');
      const [ours = '', theirs = ''] = out.split('\n');
      for (const secret of [value('AWS_SECRET_ACCESS_KEY'), value('AWS_SESSION_TOKEN')]) {
        t.ok(secret.length > 10);
        t.notOk(ours.includes(secret) || theirs.includes(secret));
      }
      const { run } = surroundings(t, box);
      t.match(await run('exec', '--account', TARGET, '--', 'there-is-no-such-command'), {
        status: 66,
        stderr: /\(no-file\)/,
      });
    },
  );

  await t.test('exec --renew: nothing in the environment but a way to ask, which an SDK takes', async (t) => {
    const { file, env } = surroundings(t, box);
    const asks = `
      const { STSClient, GetCallerIdentityCommand } = await import('@aws-sdk/client-sts');
      const { Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
      const { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri, AWS_ACCESS_KEY_ID: id } = process.env;
      const authorization = 'x'.repeat(process.env.AWS_CONTAINER_AUTHORIZATION_TOKEN.length);
      const refused = await Promise.all([{ authorization }, {}].map(async (headers) => (await fetch(uri, { headers })).status));
      console.log(JSON.stringify({ Arn, id, region: process.env.AWS_REGION, refused }));`;
    const words = ['exec', '--renew', '--accessor', file, '--account', TARGET, '--region', 'eu-west-3', '--'];
    const child = await promisify(execFile)(
      process.execPath,
      [main, 'access', ...words, process.execPath, '--input-type=module', '-e', asks],
      { cwd: join(main, '../../..'), env: { PATH: process.env['PATH'], AWS_CONFIG_FILE: '/dev/null', ...env } },
    );
    t.same(JSON.parse(child.stdout), {
      Arn: `arn:aws:sts::${TARGET}:assumed-role/Audit/scan`,
      region: 'eu-west-3',
      refused: [401, 401],
    });
  });

  await t.test('sessions are kept for the next command only where asked, sealed, for the owner alone', async (t) => {
    const { run, file } = surroundings(t, box);
    const [cache, key] = [join(file, '..', 'sessions'), join(file, '..', 'key')];
    const kept = ['--account', TARGET, '--cache-file', cache, '--cache-key-file', key];
    writeFileSync(key, 'short');
    t.match(await run('probe', ...kept), { status: 64, stderr: /must have 32 bytes/ });
    writeFileSync(key, 'k'.repeat(32));
    t.match(await run('probe', '--account', TARGET), { status: 0 });
    t.notOk(existsSync(cache));
    box.take();
    t.match(await run('probe', ...kept), { status: 0 });
    t.match(await run('env', ...kept, '--export'), { status: 0, stdout: /AWS_SESSION_TOKEN/ });
    t.equal(hops(box.take()).length, 2, 'the second command takes no role');
    t.equal(statSync(cache).mode & 0o777, 0o600);
    t.notMatch(readFileSync(cache, 'latin1'), /ASIA|scan/);
    chmodSync(cache, 0o644);
    t.match(await run('probe', ...kept), { status: 66, stderr: /others than its owner/ });
    t.match(await run('probe', '--account', TARGET, '--cache-file', cache), { status: 64, stderr: /given together/ });
  });

  await t.test('an MFA device is asked for its code, out of a file where nobody sits at a terminal', async (t) => {
    const step = { role_name: 'Audit', mfa_serial: 'arn:aws:iam::123456789012:mfa/me' };
    const { run, file } = surroundings(t, box, {
      multi_hop_accessors: [{ role_session_name: 'scan', access_steps: [step] }],
    });
    t.match(await run('probe', '--account', TARGET), {
      status: 77,
      stderr: /mfa\/me is needed; give it with --mfa-code-file/,
    });
    const code = join(file, '..', 'code');
    writeFileSync(code, '123456\n');
    box.take();
    t.match(await run('probe', '--account', TARGET, '--mfa-code-file', code), { status: 0 });
    t.match(box.take()[0]?.params, { SerialNumber: 'arn:aws:iam::123456789012:mfa/me', TokenCode: '123456' });
  });

  await t.test('an MFA device is asked for its code on a terminal', async (t) => {
    const step = { role_name: 'Audit', mfa_serial: 'arn:aws:iam::123456789012:mfa/me' };
    const { file, env } = surroundings(t, box, {
      multi_hop_accessors: [{ role_session_name: 'scan', access_steps: [step] }],
    });
    const probe = [process.execPath, main, 'access', 'probe', '--accessor', file, '--account', TARGET];
    const typed = (code: string) =>
      promisify(execFile)('python3', ['-c', TYPIST, code, ...probe], {
        env: { PATH: process.env['PATH'], AWS_CONFIG_FILE: '/dev/null', ...env },
      }).catch((error) => error as { code: number; stdout: string });
    const { stdout } = await typed('654321');
    t.match(stdout, /code of the MFA device arn:aws:iam::123456789012:mfa\/me: /);
    t.match(stdout, /assumed-role\/Audit\/scan/);
    t.match(box.take()[0]?.params, { SerialNumber: 'arn:aws:iam::123456789012:mfa/me', TokenCode: '654321' });
    t.match(await typed('65432a'), { code: 77, stdout: /must have 6 digits/ });
    t.same(box.take(), [], 'nothing that is no code is sent');
  });
});
