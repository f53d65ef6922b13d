import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { batch, buildClient, goVersion, sets, type VectorSet } from '../support/constellation-client.ts';
import { type Cluster, kubernetes, resourceDefinitions } from '../support/kubernetes.ts';
import { CHART, VALUES } from './support/chart.ts';
import { ALL, allowed, CHOICES, valuesOf } from './support/chart-choices.ts';
import { type Choice, covering } from './support/covering.ts';
import { runPod } from './support/kubelet.ts';
import { writeSchemas } from './support/openapi-schemas.ts';

const TOOLS = ['helm', 'helm-unittest', 'kubeconform', 'kubectl'];
const RESTRICTED = Object.fromEntries(
  ['enforce', 'warn', 'audit'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']),
);
/** Constellation's key service has its place. */
const namespaceOf = (mode: string) => (mode === 'constellation' ? 'kube-system' : `keystead-${mode}`);
const releaseOf = (mode: string) => (mode === 'constellation' ? 'key-service' : 'keystead');

// More than the runner gives a file: the machine may be busy, and no time is asserted.
t.setTimeout(400_000);

t.test('the chart', { timeout: 390_000 }, async (t) => {
  const cluster = await kubernetes(t, TOOLS);
  if (cluster === undefined) return;
  await define(cluster);
  await t.test('lint finds nothing', (t) => lint(t, cluster));
  await t.test('its own unit tests pass', (t) => unitTests(t, cluster));
  await t.test('all that any three choices render fits the schemas of this very API server', (t) =>
    conform(t, cluster),
  );
  await t.test('each values file is installed, upgraded, rolled back and uninstalled', (t) => lifecycles(t, cluster));
  await t.test('from one values file to the next nothing is left behind', (t) => moves(t, cluster));
});

/** What is there in a cluster with cert-manager and the Prometheus operator. */
async function define(cluster: Cluster): Promise<void> {
  for (const text of resourceDefinitions()) {
    await cluster.ask('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', parse(text));
  }
  await cluster.tool('kubectl', ['wait', '--for', 'condition=Established', '--all', 'crd', '--timeout', '60s']);
  for (const [mode] of VALUES) {
    const name = namespaceOf(mode);
    const body = { metadata: { name, labels: RESTRICTED } };
    if (name === 'kube-system') {
      const labels = Object.entries(RESTRICTED).map(([key, value]) => `${key}=${value}`);
      await cluster.tool('kubectl', ['label', 'namespace', name, ...labels]);
    } else await cluster.ask('POST', '/api/v1/namespaces', body);
  }
}

async function lint(t: Test, cluster: Cluster): Promise<void> {
  for (const [mode, file] of VALUES) {
    const { stdout } = await cluster.tool('helm', ['lint', '--strict', '--quiet', CHART, '--values', file]);
    t.notMatch(stdout, /\[(WARNING|ERROR)\]/, mode);
  }
}

async function unitTests(t: Test, cluster: Cluster): Promise<void> {
  const { stdout } = await cluster.tool('helm-unittest', ['--strict', CHART]);
  t.match(stdout, /Tests: +(\d+) passed, \1 total/);
}

async function conform(t: Test, cluster: Cluster): Promise<void> {
  const dir = t.testdir({ schemas: {}, one: {}, many: { charts: {} }, different: {} });
  const schemas = await writeSchemas(cluster, join(dir, 'schemas'));
  const names = Object.fromEntries(Object.entries(CHOICES).map(([name, values]) => [name, Object.keys(values)]));
  const valid = async (folder: string, files: RegExp) => {
    const { stdout } = await cluster.tool('kubeconform', ['-strict', '-summary', '-schema-location', schemas, folder]);
    t.match(stdout, files);
    t.match(stdout, /Valid: \d+, Invalid: 0, Errors: 0, Skipped: 0/);
  };

  const pairs = covering(names, { strength: 2, allowed });
  for (const [n, choice] of pairs.entries()) {
    const values = join(dir, 'values.json');
    writeFileSync(values, JSON.stringify(valuesOf(choice)));
    const flags = ['keystead', CHART, '--namespace', 'keys', '--values', values];
    const { stdout } = await cluster.tool('helm', ['template', ...flags]);
    writeFileSync(join(dir, 'one', `${n}.yaml`), stdout);
  }
  await valid(join(dir, 'one'), new RegExp(`found in ${pairs.length} files`));

  const choices = covering(names, { strength: 3, all: ALL, allowed });
  t.comment(`${pairs.length} with the schema of the values, ${choices.length} without`);
  const { parts, files } = await renderAtOnce(cluster, join(dir, 'many'), choices);
  t.equal(parts, choices.length);
  // Most say the same: once is enough.
  const texts = new Set(files.map((file) => readFileSync(file, 'utf8').replace(/^# Source: .*$/gm, '')));
  for (const [n, text] of [...texts].entries()) writeFileSync(join(dir, 'different', `${n}.yaml`), text);
  await valid(join(dir, 'different'), new RegExp(`found in ${texts.size} files`));
}

/**
 * As parts of one chart, which takes a tenth of the time. The schema of the values is left out: it says of each value
 * what it may be, and was asked for every pair.
 */
async function renderAtOnce(
  cluster: Cluster,
  folder: string,
  choices: readonly Choice[],
): Promise<{ readonly parts: number; readonly files: readonly string[] }> {
  const { name, version } = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'));
  const dependencies = choices.map((_, n) => ({ name, version, alias: `c${n}` }));
  const chart = { apiVersion: 'v2', name: 'all', version: '1.0.0', dependencies };
  writeFileSync(join(folder, 'Chart.yaml'), JSON.stringify(chart));
  const values = Object.fromEntries(choices.map((choice, n) => [`c${n}`, { nameOverride: name, ...valuesOf(choice) }]));
  writeFileSync(join(folder, 'values.yaml'), JSON.stringify(values));
  cpSync(CHART, join(folder, 'charts', name), { recursive: true });
  const output = join(folder, 'rendered');
  const flags = ['--namespace', 'keys', '--skip-schema-validation', '--output-dir', output];
  await cluster.tool('helm', ['template', 'keystead', folder, ...flags]);
  const rendered = join(output, 'all', 'charts');
  const files = readdirSync(rendered, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml'));
  return { parts: readdirSync(rendered).length, files: files.map((file) => join(rendered, file)) };
}

/** The DaemonSet as its values start it, asked by Constellation's own client, which shows nobody anything. */
async function inConstellationsPlace(t: Test, cluster: Cluster, set: VectorSet): Promise<void> {
  const { spec } = await cluster.ask('GET', '/api/v1/namespaces/kube-system/services/key-service');
  t.match(spec, { ports: [{ name: 'http' }, { name: 'grpc', port: 9000, targetPort: 'grpc' }] });
  const secret = {
    metadata: { name: 'constellation-mastersecret' },
    type: 'Opaque',
    immutable: true,
    data: { mastersecret: set.masterSecret, salt: set.salt },
  };
  await cluster.ask('POST', '/api/v1/namespaces/kube-system/secrets', secret);
  const pod = await runPod(t, cluster, '/apis/apps/v1/namespaces/kube-system/daemonsets/key-service');
  const results = await batch(
    await buildClient(),
    pod.grpc,
    set.cases.map(({ request }) => request),
  );
  t.ok(set.cases.length > 5);
  for (const [n, { response }] of set.cases.entries()) t.equal(results[n]?.key, response.key);
  const overHttp = await fetch(`${pod.http}/v1/data-keys/a/get`, { method: 'POST' });
  t.equal(overHttp.status, 401, 'by HTTP nobody gets a key without credentials');
}

async function lifecycles(t: Test, cluster: Cluster): Promise<void> {
  t.jobs = 3; // each mostly waits for the API server
  const runs = VALUES.map(([mode, file]) => t.test(mode, { buffered: true }, (t) => lifecycle(t, cluster, mode, file)));
  await Promise.all(runs);
}

async function lifecycle(t: Test, cluster: Cluster, mode: string, file: string): Promise<void> {
  const [release, namespace] = [releaseOf(mode), namespaceOf(mode)];
  const helm = async (verb: string, ...args: string[]) => {
    const { stdout, stderr } = await cluster.tool('helm', [
      ...verb.split(' '),
      release,
      ...args,
      '--namespace',
      namespace,
    ]);
    t.equal(stderr, '', `helm ${verb} warns of nothing`);
    return stdout;
  };
  const kind = parse(readFileSync(file, 'utf8')).kind ?? 'Deployment';
  const template = async () => {
    const path = `/apis/apps/v1/namespaces/${namespace}/${kind.toLowerCase()}s/${release}`;
    return ((await cluster.ask('GET', path))['spec'] as { template: object }).template;
  };

  const kubectl = (args: string[], input: string) =>
    cluster.tool('kubectl', ['--namespace', namespace, ...args, '-f', '-'], input);
  const dryRun = async (rendered: string) =>
    t.equal(
      (await kubectl(['apply', '--dry-run=server'], rendered)).stderr,
      '',
      'a server-side dry run warns of nothing',
    );
  await dryRun(await helm('template', CHART, '--values', file, '--no-hooks'));

  const notes = await helm('install', CHART, '--values', file);
  t.match(notes, /STATUS: deployed[\s\S]*HTTP {2}https?:\/\//);
  // What `helm test` does, but for the node.
  const [account, pod] = (await helm('get hooks')).split(/^---$/m).filter((text) => text.includes('kind:'));
  await kubectl(['create'], account ?? '');
  await dryRun(pod ?? '');
  await kubectl(['delete'], account ?? '');

  if (mode === 'constellation' && goVersion() !== undefined) {
    for (const set of sets.slice(0, 1)) await inConstellationsPlace(t, cluster, set);
  }

  const before = await template();
  await helm('upgrade', CHART, '--values', file, '--set', 'podAnnotations.second=yes');
  t.match(await template(), { metadata: { annotations: { second: 'yes' } } });
  await helm('rollback', '1');
  t.same(await template(), before);
  await helm('uninstall');
  t.same(await objectsOf(cluster, release, namespace), [], 'nothing is left');
}

/** One release that becomes what each values file says in turn, another kind of workload too. */
async function moves(t: Test, cluster: Cluster): Promise<void> {
  const [release, namespace] = ['moving', 'keystead-moves'];
  await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: namespace, labels: RESTRICTED } });
  const helm = async (...args: string[]) => {
    const { stdout, stderr } = await cluster.tool('helm', [...args, '--namespace', namespace]);
    t.equal(stderr, '', `helm ${args[0]} warns of nothing`);
    return stdout;
  };
  const asDeclared = async (what: string) => {
    const declared = (await helm('get', 'manifest', release))
      .split(/^---$/m)
      .map((text) => parse(text))
      .filter((object) => object !== null)
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    t.same(await objectsOf(cluster, release, namespace), declared.sort(), what);
  };
  for (const [mode, file] of [...VALUES, ...VALUES.slice(0, 1)]) {
    await helm('upgrade', '--install', release, CHART, '--reset-values', '--values', file);
    await asDeclared(`as ${mode}`);
  }
  for (const [at, [mode]] of [...VALUES.entries()].reverse().slice(1, 4)) {
    await helm('rollback', release, `${at + 1}`);
    await asDeclared(`back to ${mode}`);
  }
  await helm('uninstall', release);
  t.same(await objectsOf(cluster, release, namespace), [], 'nothing is left');
}

/** Kind and name of all that a release has in the cluster, in order. */
async function objectsOf(cluster: Cluster, release: string, namespace: string): Promise<string[]> {
  const own = 'certificate,servicemonitor,prometheusrule,clusterrole,clusterrolebinding';
  const all = `deployment,daemonset,service,configmap,secret,serviceaccount,role,rolebinding,networkpolicy,pdb,hpa,${own}`;
  const selected = ['--selector', `app.kubernetes.io/instance=${release}`, '--output', 'json'];
  const { stdout } = await cluster.tool('kubectl', ['--namespace', namespace, 'get', all, ...selected]);
  const { items } = JSON.parse(stdout) as {
    items: { kind: string; metadata: { name: string; annotations: Readonly<Record<string, string>> } }[];
  };
  // What has no namespace has the releases of all of them.
  return items
    .filter(({ metadata }) => metadata.annotations['meta.helm.sh/release-namespace'] === namespace)
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    .sort();
}
