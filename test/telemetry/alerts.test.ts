import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import t from 'tap';
import { parse, stringify } from 'yaml';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import { exposeState } from '../../src/telemetry/state-metrics.ts';

const FOLDER = 'docs/operations';
const RULES = resolve(FOLDER, 'alerts.yaml');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Record<string, string>;
  readonly annotations: { readonly summary: string; readonly description: string };
}

const rules: readonly Rule[] = parse(readFileSync(RULES, 'utf8')).groups[0].rules;

/** Samples of one series, a minute apart, in the notation of promtool. */
type Series = Readonly<Record<string, string>>;

const POD = 'job="keystead",instance="a"';
const upstream = (kind: string, labels: string) =>
  `keystead_upstream_duration_seconds_${kind}{${POD},door="kms",provider="aws",operation="unwrap",${labels}}`;
const request = (kind: string, labels: string) =>
  `keystead_request_duration_seconds_${kind}{${POD},route="/v1/data-keys/:id/get",${labels}}`;

/** What each alert fires on, and nothing of that is there on a good day. */
const BAD_DAYS: Readonly<Record<string, Series>> = {
  KeysteadDown: { [`up{${POD}}`]: '0x30' },
  KeysteadSealed: { [`keystead_sealed{${POD}}`]: '1x30' },
  KeysteadReplicaSealed: {
    [`keystead_sealed{${POD}}`]: '1x30',
    'keystead_sealed{job="keystead",instance="b"}': '0x30',
  },
  KeysteadKekSecretFailing: { [`keystead_kek_secret_failing{${POD}}`]: '1x30' },
  KeysteadDoorFailing: { [`keystead_door_up{${POD},door="kms"}`]: '0x30' },
  KeysteadUpstreamErrors: {
    [upstream('count', 'outcome="ok"')]: '0+60x30',
    [upstream('count', 'outcome="kms-unreachable"')]: '0+6x30',
  },
  KeysteadUpstreamSlow: {
    [upstream('bucket', 'outcome="ok",le="1"')]: '0+60x30',
    [upstream('bucket', 'outcome="ok",le="5"')]: '0+70x30',
    [upstream('bucket', 'outcome="ok",le="+Inf"')]: '0+70x30',
  },
  KeysteadErrors: {
    [request('count', 'transport="http",outcome="200"')]: '0+600x30',
    [request('count', 'transport="http",outcome="503"')]: '0+30x30',
  },
  KeysteadSlow: {
    [request('bucket', 'transport="http",outcome="200",le="1"')]: '0+60x30',
    [request('bucket', 'transport="http",outcome="200",le="5"')]: '0+70x30',
    [request('bucket', 'transport="http",outcome="200",le="+Inf"')]: '0+70x30',
  },
  KeysteadDataLoss: { [`keystead_failures_total{${POD},reason="context-mismatch"}`]: '0x15 1x15' },
  KeysteadAuditFailing: { [`keystead_audit_failing{${POD}}`]: '1x30' },
  KeysteadAuditLag: { [`keystead_audit_lag_seconds{${POD}}`]: '1.5x30' },
  KeysteadPolicyNotReloaded: { [`keystead_policy_reload_failed{${POD}}`]: '1x30' },
  KeysteadAuthNotReloaded: { [`keystead_auth_reload_failed{${POD}}`]: '1x30' },
  KeysteadCertificateNotReloaded: { [`keystead_tls_reload_failed{${POD}}`]: '1x30' },
  KeysteadCertificateExpires: { [`keystead_tls_certificate_not_after_seconds{${POD}}`]: '86400x30' },
  KeysteadRateLimited: { [`keystead_failures_total{${POD},reason="rate-limit"}`]: '0+120x30' },
  KeysteadRefusedCredentials: { [`keystead_failures_total{${POD},reason="bad-credentials"}`]: '0+120x30' },
  KeysteadDenials: { [`keystead_policy_decisions_total{${POD},decision="deny"}`]: '0+120x30' },
  KeysteadShedding: { [`keystead_failures_total{${POD},reason="upstream-busy"}`]: '0+120x30' },
};

const GOOD_DAY: Series = {
  [`up{${POD}}`]: '1x30',
  [`keystead_sealed{${POD}}`]: '0x30',
  [`keystead_kek_secret_failing{${POD}}`]: '0x30',
  [`keystead_door_up{${POD},door="kms"}`]: '1x30',
  [upstream('count', 'outcome="ok"')]: '0+600x30',
  [upstream('count', 'outcome="kms-unreachable"')]: '0+1x30',
  [upstream('bucket', 'outcome="ok",le="1"')]: '0+600x30',
  [upstream('bucket', 'outcome="ok",le="+Inf"')]: '0+601x30',
  [request('count', 'transport="http",outcome="200"')]: '0+6000x30',
  [request('count', 'transport="http",outcome="503"')]: '0+1x30',
  [request('bucket', 'transport="http",outcome="200",le="1"')]: '0+6000x30',
  [request('bucket', 'transport="http",outcome="200",le="+Inf"')]: '0+6001x30',
  [`keystead_failures_total{${POD},reason="context-mismatch"}`]: '0x30',
  [`keystead_failures_total{${POD},reason="bad-credentials"}`]: '0+1x30',
  [`keystead_audit_failing{${POD}}`]: '0x30',
  [`keystead_audit_lag_seconds{${POD}}`]: '0.01x30',
  [`keystead_policy_reload_failed{${POD}}`]: '0x30',
  [`keystead_auth_reload_failed{${POD}}`]: '0x30',
  [`keystead_policy_decisions_total{${POD},decision="deny"}`]: '0+1x30',
  [`keystead_tls_reload_failed{${POD}}`]: '0x30',
  [`keystead_tls_certificate_not_after_seconds{${POD}}`]: '2592000x30',
  [`keystead_failures_total{${POD},reason="rate-limit"}`]: '0+1x30',
  [`keystead_failures_total{${POD},reason="overloaded"}`]: '0x30',
};

/** The player of the rules; undefined where it cannot be built. */
function promtool(): string | undefined {
  const out = execFileSync('bash', ['test/prometheus/install.sh'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return out.trim() === '' ? undefined : out.trim();
}

/** Plays samples and asks whether alerts fire after 25 minutes. @returns the names of those that do. */
function firing(tool: string, series: Series, folder: string): string[] {
  const alerts = rules.filter(({ alert }) => !plays(tool, series, alert, folder));
  return alerts.map(({ alert }) => alert);
}

/** True when `alert` stays silent. promtool fails a case whose alert fires though none is expected. */
function plays(tool: string, series: Series, alert: string, folder: string): boolean {
  const file = join(folder, `${alert}.yaml`);
  const input_series = Object.entries(series).map(([name, values]) => ({ series: name, values }));
  const alert_rule_test = [{ eval_time: '25m', alertname: alert, exp_alerts: [] }];
  writeFileSync(file, stringify({ rule_files: [RULES], tests: [{ interval: '1m', input_series, alert_rule_test }] }));
  try {
    execFileSync(tool, ['test', 'rules', file], { stdio: 'pipe', encoding: 'utf8' });
    return true;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    const said = stdout + stderr;
    if (!said.includes(`alertname: ${alert}`)) throw new Error(`promtool: ${said}`);
    return false;
  }
}

t.test('every alert fires on its bad day, and none on a good one', async (t) => {
  const tool = promtool();
  if (tool === undefined) return void t.plan(0, 'promtool is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'keystead-alerts-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  t.same(
    rules.map(({ alert }) => alert),
    Object.keys(BAD_DAYS),
    'each alert has its bad day',
  );
  for (const { alert } of rules) t.notOk(plays(tool, BAD_DAYS[alert] as Series, alert, folder), alert);
  t.same(firing(tool, GOOD_DAY, folder), []);
});

t.test('every alert says how bad it is, what it means and what to do', (t) => {
  for (const { alert, labels, annotations } of rules) {
    t.match(labels['severity'], /^(critical|warning)$/, alert);
    t.ok(annotations.summary.length > 20 && annotations.description.length > 20, alert);
  }
  t.end();
});

t.test('alerts and dashboard ask only for what the service measures', async (t) => {
  const metrics = openMetrics();
  exposeState(metrics.registry, {
    sealed: () => true,
    kekSecretFailing: () => false,
    doors: async () => [{ name: 'kms', up: true }],
    auditFailing: () => false,
    auditLagSeconds: () => 0,
    reloadFailed: () => ({ policy: false, auth: false, tls: false }),
    certificateExpires: () => new Date(),
  });
  const { body } = await metrics.exposition();
  const known = new Set([...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name as string));
  for (const file of ['alerts.yaml', 'dashboard.json']) {
    const text = readFileSync(join(FOLDER, file), 'utf8').replaceAll('\\"', '"');
    const asked = [
      ...new Set([...text.matchAll(/\b(keystead_[a-z_]+|process_[a-z_]+|nodejs_[a-z_]+)/g)].map(([name]) => name)),
    ];
    t.ok(asked.length > 5, file);
    const strangers = asked.filter((name) => !known.has(name) && !known.has(name.replace(/_(bucket|count|sum)$/, '')));
    t.same(strangers, [], file);
  }
});
