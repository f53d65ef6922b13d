import t from 'tap';
import type { Step } from '../../src/system/doctor.ts';
import { deadAddress, keyAdmin, motoQuery, newBucket, unique } from '../providers/aws/aws.ts';
import { emulators } from '../support/emulators.ts';
import { keystead } from './terminal.ts';

const uriOf = (scheme: string, query: Record<string, string>) =>
  `${scheme}://aws?${new URLSearchParams(query).toString().replaceAll('+', '%20')}`;

async function doctor(argv: readonly string[], env: Record<string, string> = {}) {
  const outcome = await keystead(['doctor', '--output', 'json', ...argv], { env });
  const { steps } = JSON.parse(outcome.stdout) as { steps: Step[] };
  return {
    ...outcome,
    steps,
    bad: steps.filter(({ status }) => status !== 'ok').map(({ door, step }) => `${door} ${step}`),
  };
}

t.test('a service of its own needs nothing from outside', async (t) => {
  const { status, stderr, bad } = await doctor(['--dev']);
  t.same([status, stderr, bad], [0, '', []]);
});

t.test('without a KEK the service is not ill: it waits', async (t) => {
  const { status, bad, steps } = await doctor([]);
  t.equal(status, 0);
  t.same(bad, ['kms wrap', 'kms unwrap', 'kms describe']);
  t.match(
    steps.find(({ step }) => step === 'wrap'),
    { status: 'skipped', detail: /no KEK yet/ },
  );
});

t.test('URIs that do not go together are told, with what to do', async (t) => {
  const { status, steps } = await doctor([
    '--dev',
    '--storage',
    `storage://aws?bucket=bbb&region=eu-west-1&endpoint=${await deadAddress()}`,
  ]);
  t.equal(status, 64);
  t.match(steps[0], { step: 'configuration', status: 'failed', reason: 'bad-config', detail: /mode=wrap/ });
});

t.test('AWS is walked step by step, and no secret is shown', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const admin = keyAdmin(t, env);
  const { id } = await admin.create();
  const surroundings = { TEST_ACCESS_KEY: 'a-secret-of-mine' };
  const kms = uriOf('kms', { ...motoQuery(env), keyName: id });
  const storage = uriOf('storage', await newBucket(t, motoQuery(env)));
  const good = await doctor(['--kms', kms, '--storage', storage], surroundings);
  t.same([good.status, good.stderr, good.bad], [0, '', []]);
  const names = good.steps.map(({ step }) => step);
  for (const step of [
    'name resolution',
    'connection',
    'clock',
    'credentials',
    'wrap',
    'unwrap',
    'describe',
    'delete',
  ]) {
    t.ok(names.includes(step), step);
  }
  t.notMatch(good.stdout, 'a-secret-of-mine');

  await admin.disable(id);
  const missing = uriOf('storage', { ...motoQuery(env), bucket: unique('nobody') });
  const ill = await doctor(['--kms', kms, '--storage', missing], surroundings);
  t.equal(ill.status, 65);
  t.match(
    ill.steps.find(({ step }) => step === 'wrap'),
    { status: 'failed', reason: 'key-stopped', detail: /the key is disabled; enable it/ },
  );
  t.match(
    ill.steps.find(({ step }) => step === 'check'),
    { status: 'failed', reason: 'no-bucket', detail: /create it/ },
  );
  await admin.enable(id);
});

t.test('for people it is a line for each step', async (t) => {
  const kms = `kms://aws?keyName=a&region=eu-west-1&endpoint=${await deadAddress()}`;
  const { status, stdout } = await keystead(['doctor', '--kms', kms]);
  t.equal(status, 75);
  t.match(stdout, /^ok {7}service {2}configuration +\d+ ms$/m);
  t.match(
    stdout,
    /^failed {3}kms {6}connection +\d+ ms {2}127\.0\.0\.1:\d+: nothing listens there; .* \(kms-unreachable\)$/m,
  );
  t.match(stdout, /^skipped {2}kms {6}open +there is no way to 127\.0\.0\.1:\d+$/m);
});
