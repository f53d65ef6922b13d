import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { dataKeyContext } from '../../src/core/context.ts';
import { storedDataKeys } from '../../src/data-keys/stored.ts';
import { motoQuery, newBucket, openTestKek, openTestStore, unique } from '../providers/aws/aws.ts';
import { runConsolePage } from '../support/console-page.ts';
import { emulators } from '../support/emulators.ts';
import { uriText } from '../support/opened-doors.ts';
import { testAmbient, testCall } from '../support/services.ts';
import { keystead } from './terminal.ts';

const call = testCall();
const REGION = 'ap-south-2';

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'keystead-key-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

t.test('the page that tells how to declare keys works as it stands', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const cwd = folder(t);
  // A place of the page's own: the emulator is shared, and the page has one name for its key.
  const alias = unique('keystead');
  const page = readFileSync(join(import.meta.dirname, '../../docs/how-to/declare-keys.md'), 'utf8');
  const text = page.replaceAll('alias/keystead', `alias/${alias}`).replaceAll('eu-central-1', REGION);
  await runConsolePage(t, text, { cwd, env, files: { yaml: 'keys.yaml' } });
});

t.test('one name in two regions is two keys, each confirmed by itself', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const keyName = `alias/${unique('both')}`;
  const regions = [REGION, 'eu-north-1'];
  const file = join(folder(t), 'keys.json');
  const keys = regions.map((region) => ({ key: uriText('kms://aws', { ...motoQuery(env), region, keyName }) }));
  writeFileSync(file, JSON.stringify(keys));
  const key = (...argv: string[]) => keystead(['key', ...argv, '--file', file], { env: { TEST_ACCESS_KEY: 'test' } });
  const made = await key('apply');
  for (const region of regions) {
    const label = `kms://aws?region=${region}&keyName=${keyName}`;
    t.ok(made.stdout.includes(`${label}: running (create) arn:aws:kms:${region}:`), made.stdout);
  }
  const refused = await key('terminate', '--confirm', keyName);
  t.match(refused.stderr, /needs-confirmation/, 'the name confirms neither');
  const first = `kms://aws?region=${REGION}&keyName=${keyName}`;
  await key('terminate', '--confirm', first);
  const status = await key('status');
  t.ok(status.stdout.includes(`${first}: terminated`), status.stdout);
  t.match(status.stdout, /eu-north-1\S*: running/);
});

t.test('what would be lost is counted, and is lost with consent alone', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const query = { ...motoQuery(env), region: REGION };
  const surroundings = { env: { TEST_ACCESS_KEY: 'test' } };
  const alias = `alias/${unique('kek')}`;
  const kms = { ...query, keyName: alias };
  const file = join(folder(t), 'keys.json');
  writeFileSync(file, JSON.stringify({ key: uriText('kms://aws', kms) }));
  const key = (...argv: string[]) => keystead(['key', ...argv, '--file', file], surroundings);
  t.match(await key('apply'), { status: 0, stdout: /running \(create\)/ });

  const bucket = await newBucket(t, query);
  const kek = await openTestKek(t, kms);
  const store = await openTestStore(t, bucket);
  const { random, clock } = testAmbient();
  const dataKeys = storedDataKeys({ kek, store, random, clock });
  for (const id of ['one', 'two']) {
    (await dataKeys.get({ id, length: 32, create: 'if-missing' }, call)).key.dispose();
  }
  const storage = ['--storage', uriText('storage://aws', bucket)];

  const planned = await key('plan', '--state', 'terminated', ...storage, '--output', 'json');
  t.equal(planned.status, 2);
  t.match(JSON.parse(planned.stdout), {
    plans: [{ steps: [{ do: 'terminate' }], blastRadius: { records: 2, unread: 0 } }],
  });
  for (const verb of ['stop', 'terminate']) {
    t.match(await key(verb, ...storage), { status: 65, stderr: /2 data keys in .* --confirm .*needs-confirmation/ });
  }
  const sealed = await kek.wrap(
    (await dataKeys.get({ id: 'one', length: 32, create: 'never' }, call)).key,
    dataKeyContext('x', 1, 32),
    call,
  );
  t.match(await key('terminate', ...storage, '--confirm', alias), { status: 0, stdout: /terminate/ });
  await t.rejects(dataKeys.get({ id: 'one', length: 32, create: 'never' }, call));
  t.match((await key('status', '--output', 'json')).stdout, /"earlier": \[\s+\{\s+"state": "terminated"/);
  t.match(await key('apply', '--restore'), { status: 0, stdout: /restore/ });
  (await dataKeys.get({ id: 'one', length: 32, create: 'never' }, call)).key.dispose();
  (await kek.unwrap(sealed, dataKeyContext('x', 1, 32), call)).dispose();
});

t.test('a bad command line and a bad file are refused before any call', async (t) => {
  const dir = folder(t);
  const file = join(dir, 'keys.yaml');
  writeFileSync(file, 'key: kms://aws?region=eu-west-1&keyName=alias/a\n');
  const bad = join(dir, 'bad.yaml');
  writeFileSync(bad, 'key: kms://aws?keyName=alias/a\ncolour: red\n');
  for (const [argv, status, stderr] of [
    [['plan', 'b', '-f', file], 64, /no key "b" is declared; declared are a/],
    [['apply', '-f', file, '--state', 'asleep'], 64, /running, stopped or terminated/],
    [['apply', '-f', file, '--timeout', '0'], 64, /1 to 86400/],
    [['plan', '-f', bad], 64, /line 2: colour is not a known name/],
    [['plan', '-f', join(dir, 'none.yaml')], 66, /none\.yaml/],
    [['plan', '-f', join(dir, 'keys.txt')], 64, /ends with/],
    [['adopt', 'kms://cluster-kms'], 69, /people bring this KEK/],
    [['fly'], 64, /unknown command/],
  ] as const) {
    t.match(await keystead(['key', ...argv]), { status, stderr }, argv.join(' '));
  }
});
