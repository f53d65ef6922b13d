import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, normalize } from 'node:path';
import t from 'tap';
import { keyAdmin, unique } from './providers/aws/aws.ts';
import { blocksOf } from './support/doc-page.ts';
import { emulators } from './support/emulators.ts';

const root = normalize(join(import.meta.dirname, '..'));

t.setTimeout(0);

t.test('the commands of "moving from psyml" work, on an emulator of AWS', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const local = keyAdmin(t, env, 'ap-southeast-2');
  const store = keyAdmin(t, env, 'us-east-1');
  const [alias, kmskey] = [`alias/${unique('psyml')}`, `alias/${unique('superman')}`];
  await local.alias(alias, (await local.create()).id);
  await store.alias(kmskey, (await store.create()).id);
  const dir = t.testdir({
    'superman.nonprod.yml': `path: /apps/${unique('superman')}/
region: us-east-1
kmskey: ${kmskey}

tags:
  cost_center: team17

parameters:
  - name: api_version
    description: The version of the API endpoint, not a secret.
    type: String
    value: 2

  - name: api_token
    description: The token used to communicate with the API endpoint
    type: SecureString
    value: 5a5468-786448467a59-326436
`,
  });
  mkdirSync(join(dir, '.bin'));
  const main = join(root, 'src/cli/main.ts');
  writeFileSync(join(dir, '.bin', 'keystead'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, {
    mode: 0o755,
  });
  const around = {
    ...process.env,
    PATH: [join(dir, '.bin'), dirname(process.execPath), process.env['PATH']].join(delimiter),
    AWS_ENDPOINT_URL: env['AWS_ENDPOINT_URL'],
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    PSYML_KEY_ALIAS: alias,
  };
  const run = (text: string) =>
    execFileSync('bash', ['-euo', 'pipefail', '-c', text], { cwd: dir, env: around }).toString();
  const page = readFileSync(join(root, 'docs/how-to/moving-from-psyml.md'), 'utf8');
  const commands = blocksOf(page).filter(({ language }) => language === 'console');
  t.equal(commands.length, 2);
  for (const { text } of commands) run(text.replaceAll('alias/psyml', alias));
  t.equal(run('keystead secrets diff superman.nonprod.yml'), '', 'file and store are equal');
  t.equal(run('keystead secrets get superman.nonprod.yml api_token'), '5a5468-786448467a59-326436');
  t.match(readFileSync(join(dir, 'superman.nonprod.yml'), 'utf8'), /\nkek: '?kms:\/\/aws\?[\s\S]*ks1:/);
});
