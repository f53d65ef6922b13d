import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import { showState } from '../../src/wiring/state.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { rememberingAudit, testAmbient, testCall, testConfig, testServices } from '../support/services.ts';

t.test('the metrics show the state of the house, and a house opened anew takes their place', async (t) => {
  const file = join(t.testdir({ policy: 'version: 1\n' }), 'policy');
  const metrics = openMetrics();
  let failing = false;
  const audit = {
    ...rememberingAudit(),
    failure: () => (failing ? new KeysteadError('audit-unavailable', 'full') : undefined),
    lagSeconds: () => 7,
  };
  const shown = async () => {
    const { body } = await metrics.exposition();
    return Object.fromEntries(
      [...body.matchAll(/^keystead_(\w+(?:\{[^}]*\})?) (\S+)$/gm)].map(([, name, value]) => [name, value]),
    );
  };
  const services = await testServices(t, { policy: { file } }, { metrics, audit });
  t.match(await shown(), {
    sealed: '0',
    kek_secret_failing: '0',
    audit_failing: '0',
    audit_lag_seconds: '7',
    policy_reload_failed: '0',
    auth_reload_failed: '0',
    tls_reload_failed: '0',
  });
  t.match(await shown(), { 'door_up{door="kms"}': '1' });

  writeFileSync(file, 'version: 2\n');
  await services.reload(testConfig({ policy: { file } }));
  failing = true;
  t.match(await shown(), { audit_failing: '1', policy_reload_failed: '1' });

  await services.close();
  await testServices(t, { dev: false, policy: {} }, { metrics, audit });
  t.match(await shown(), { sealed: '1', policy_reload_failed: '0' });
});

const doorUp = (body: string) => /^keystead_door_up\{door="kms"\} (\d)$/m.exec(body)?.[1];

t.test('a door shows as it is, also where nobody asks but for the metrics', async (t) => {
  const metrics = openMetrics();
  const up = async () => doorUp((await metrics.exposition()).body);
  const services = await testServices(t, { dev: false }, { metrics });
  t.equal(await up(), '0', 'sealed');
  await services.system.bootstrap({ generate: true }, testCall());
  t.equal(await up(), '1');
});

t.test('whoever reads the metrics waits a second for a door, and sees what it was before', async (t) => {
  const [metrics, clock] = [openMetrics(), new FakeClock()];
  const report = { name: 'kms', uri: 'kms://x', operation: 'check', latencyMs: 0, since: new Date(0) } as const;
  const looked = (state: 'ready' | 'failing') => ({ report: { ...report, state, checkedAt: clock.now() } });
  let answer: PromiseWithResolvers<ReturnType<typeof looked>> | undefined;
  const door = {
    passage: async <T>({ work }: { work(): Promise<T> }) => work(),
    look: async () => answer?.promise ?? looked('ready'),
  };
  showState(testAmbient({ metrics, clock }), [door], {
    sealed: () => false,
    kekSecretFailing: () => false,
    reloadFailed: () => ({ policy: false, auth: false, tls: false }),
    certificateExpires: () => undefined,
  });
  t.equal(doorUp((await metrics.exposition()).body), '1');
  answer = Promise.withResolvers();
  const read = metrics.exposition();
  while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(1000);
  t.equal(doorUp((await read).body), '1');
  answer.resolve(looked('failing'));
  t.equal(doorUp((await metrics.exposition()).body), '0');
});
