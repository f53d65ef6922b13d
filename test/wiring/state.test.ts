import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import { rememberingAudit, testCall, testConfig, testServices } from '../support/services.ts';

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
  await services.system.status(testCall());
  t.match(await shown(), { 'door_up{door="kms"}': '1' });

  writeFileSync(file, 'version: 2\n');
  await services.reload(testConfig({ policy: { file } }));
  failing = true;
  t.match(await shown(), { audit_failing: '1', policy_reload_failed: '1' });

  await services.close();
  await testServices(t, { dev: false, policy: {} }, { metrics, audit });
  t.match(await shown(), { sealed: '1', policy_reload_failed: '0' });
});
