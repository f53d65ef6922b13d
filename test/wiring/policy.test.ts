import { renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openPolicy, type PolicyKeeper } from '../../src/wiring/policy.ts';
import { request, serviceAccount } from '../policy/support/documents.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';

const TEAM_A = 'version: 1\ntenants: [{ name: a, namespaces: [team-a] }]\n';
const TEAM_B = 'version: 1\ntenants: [{ name: b, namespaces: [team-b] }]\n';

interface Opened {
  readonly keeper: PolicyKeeper;
  readonly lines: { message: string; err?: unknown }[];
  /** Has the keeper look at its file, as often as it takes to see what there is. */
  look(): Promise<void>;
}

async function opened(t: Test, file: string | undefined): Promise<Opened> {
  const clock = new FakeClock();
  const lines: Opened['lines'] = [];
  const write = (fields: object, message: string) => void lines.push({ ...fields, message });
  const log = { info: write, warn: write, error: write };
  const keeper = await openPolicy(file, { clock, log, decision: () => {} });
  t.teardown(() => keeper.close());
  const look = async () => {
    for (let n = 0; n < 3; n++) {
      await clock.advance(1000);
      while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { keeper, lines, look };
}

const allows = (keeper: PolicyKeeper, namespace: string) =>
  keeper.decide(request({ principal: serviceAccount(namespace), resource: `${namespace}/x` })).allowed;

t.test('a file that changes is in force without anybody asking for it', async (t) => {
  const file = join(t.testdir({ 'policy.yaml': TEAM_A }), 'policy.yaml');
  const { keeper, look, lines } = await opened(t, file);
  t.ok(allows(keeper, 'team-a'));
  const before = keeper.status();
  writeFileSync(file, TEAM_B);
  await look();
  t.notOk(allows(keeper, 'team-a'));
  t.ok(allows(keeper, 'team-b'));
  t.not(keeper.status()?.sha256, before?.sha256);
  t.match(lines, [{ message: 'the policy was read anew', rules: 1 }]);
});

t.test('a mounted ConfigMap that is swapped is in force', async (t) => {
  const dir = t.testdir({ '..1': { 'policy.yaml': TEAM_A }, '..2': { 'policy.yaml': TEAM_B } });
  symlinkSync('..1', join(dir, '..data'));
  symlinkSync(join('..data', 'policy.yaml'), join(dir, 'policy.yaml'));
  const { keeper, look } = await opened(t, join(dir, 'policy.yaml'));
  symlinkSync('..2', join(dir, '..data_tmp'));
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
  await look();
  t.ok(allows(keeper, 'team-b'));
});

t.test('a file that is broken or gone leaves the policy in force and says so, until it is whole again', async (t) => {
  const file = join(t.testdir({ 'policy.yaml': TEAM_A }), 'policy.yaml');
  const { keeper, look, lines } = await opened(t, file);
  const sha256 = keeper.status()?.sha256;

  writeFileSync(file, `${TEAM_B}rules: [{ name: secret-project }]\n`);
  await look();
  t.ok(keeper.failed);
  t.ok(allows(keeper, 'team-a'));
  t.match(keeper.status(), { sha256, rules: 1, problem: /policy.file is not valid, .* stays in force; the log/ });
  t.notMatch(keeper.status()?.problem, /secret-project|rules/, 'anybody may read the status');
  t.match(lines.at(-1)?.err, { reason: 'bad-policy', message: /line 3: rules\[0\] must have effect/ });

  rmSync(file);
  await look();
  t.ok(allows(keeper, 'team-a'));
  t.match(keeper.status(), { problem: /is not there/ });

  writeFileSync(file, TEAM_A);
  await look();
  t.notOk(keeper.failed);
  t.equal(keeper.status()?.problem, undefined);
});

t.test('a reload reads the file at once, or another one, or none; a broken one changes nothing', async (t) => {
  const dir = t.testdir({ a: TEAM_A, b: TEAM_B, broken: 'version: 1\nrules: {}\n' });
  const { keeper } = await opened(t, join(dir, 'a'));
  t.equal(await keeper.reload(join(dir, 'a')), false, 'nothing has changed');
  t.equal(await keeper.reload(join(dir, 'b')), true);
  t.ok(allows(keeper, 'team-b'));
  for (const bad of ['broken', 'none']) {
    t.equal(await keeper.reload(join(dir, bad)), false);
    t.ok(allows(keeper, 'team-b'));
    t.ok(keeper.failed, bad);
  }
  t.equal(await keeper.reload(undefined), true);
  t.notOk(allows(keeper, 'team-b'));
  t.equal(keeper.status(), undefined);
  t.notOk(keeper.failed);
});

t.test('a service does not start with a policy that is broken or not there', async (t) => {
  const dir = t.testdir({ broken: 'version: 2\n' });
  const deps = { clock: new FakeClock(), log: { info() {}, warn() {}, error() {} }, decision: () => {} };
  await t.rejects(openPolicy(join(dir, 'broken'), deps), {
    reason: 'bad-policy',
    message: /line 1: version must be 1/,
  });
  await t.rejects(openPolicy(join(dir, 'none'), deps), failure('no-file'));
  await t.rejects(openPolicy(dir, deps), failure('cannot-read'));
});

t.test('a refusal is explained by the policy that refused, also when there is another one by then', async (t) => {
  const dir = t.testdir({ a: TEAM_A, b: TEAM_B });
  const { keeper } = await opened(t, join(dir, 'a'));
  const asked = request({ resource: 'team-b/x' });
  keeper.decided(asked, keeper.decide(asked), 'f'.repeat(32));
  await keeper.reload(join(dir, 'b'));
  t.match(keeper.explain('f'.repeat(32)), [{ original: true, tried: [{ rule: 'a', failed: 'resources' }] }]);
  t.same(keeper.explain('0'.repeat(32)), []);
});

t.test('every decision is counted, and only refusals are kept', async (t) => {
  const counted: boolean[] = [];
  const keeper = await openPolicy(undefined, {
    clock: new FakeClock(),
    log: { info() {}, warn() {}, error() {} },
    decision: (allowed) => counted.push(allowed),
  });
  keeper.decided(request(), { allowed: true, rule: 'x' }, 'a');
  keeper.decided(request(), { allowed: false, rule: 'x' }, 'b');
  t.same(counted, [true, false]);
  t.equal(keeper.explain('a').length, 0);
  t.equal(keeper.explain('b').length, 1);
});
