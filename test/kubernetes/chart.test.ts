import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { batch, buildClient, goVersion, sets, type VectorSet } from '../support/constellation-client.ts';
import { type Cluster, kubernetes, resourceDefinitions } from '../support/kubernetes.ts';
import { CHART, VALUES } from './support/chart.ts';
import { runPod } from './support/kubelet.ts';
import { writeSchemas } from './support/openapi-schemas.ts';
import { allPairs, type Choice } from './support/pairs.ts';

const TOOLS = ['helm', 'helm-unittest', 'kubeconform', 'kubectl'];
const RESTRICTED = Object.fromEntries(
  ['enforce', 'warn', 'audit'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']),
);
/** Constellation's key service has its place. */
const namespaceOf = (mode: string) => (mode === 'constellation' ? 'kube-system' : `keystead-${mode}`);
const releaseOf = (mode: string) => (mode === 'constellation' ? 'key-service' : 'keystead');

/** Choices that change what is rendered, as flags of helm. */
const CHOICES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  kind: { deployment: ['kind=Deployment'], daemonset: ['kind=DaemonSet'] },
  kek: {
    bootstrap: ['kek.from=bootstrap'],
    mounted: ['kek.from=mounted'],
    none: ['kek.from=none', `config.kek.fingerprint=${'0'.repeat(32)}`],
    cloud: ['kek.from=none', 'config.kms=kms://aws?keyName=a', 'config.storage=storage://aws?bucket=b'],
  },
  tls: {
    clear: ['config.insecurePlaintext=true'],
    own: ['tls.existingSecret=own'],
    manager: [
      'tls.certManager.enabled=true',
      'tls.certManager.issuerRef.name=issuer',
      'tls.certManager.dnsNames={a.example}',
    ],
    mutual: ['tls.existingSecret=own', 'tls.clientCaSecret=ca', 'config.tls.clientCertificate=optional'],
  },
  callers: {
    nobody: [],
    admin: ['adminToken.existingSecret=admin', 'test.caller=admin'],
    accounts: [
      'auth.version=1',
      'auth.authenticators[0].name=cluster',
      'auth.authenticators[0].kind=service-account',
      'auth.authenticators[0].issuer=https://issuer.example',
      'auth.authenticators[0].audiences={keystead}',
      'policy.version=1',
      'policy.tenants[0].namespaces={team-*}',
      'rbac.tokenReview=true',
    ],
    anonymous: [
      'auth.version=1',
      'auth.authenticators[0].name=all',
      'auth.authenticators[0].kind=anonymous',
      'auth.authenticators[0].listeners={grpc}',
      'test.caller=anonymous',
    ],
  },
  account: {
    own: ['serviceAccount.annotations.a=b'],
    theirs: ['serviceAccount.create=false', 'serviceAccount.name=theirs', 'rbac.create=false'],
  },
  scale: {
    fixed: ['replicas=3', 'podDisruptionBudget.enabled=false', 'preStopSeconds=0'],
    auto: ['autoscaling.enabled=true', 'resources.limits.cpu=1'],
  },
  net: {
    open: ['networkPolicy.enabled=false', 'listenHost=[::]'],
    // Metrics are scraped through it.
    noAdmin: ['adminService.enabled=false'],
    narrow: [
      'networkPolicy.from[0].podSelector.matchLabels.a=b',
      'networkPolicy.adminFrom[0].namespaceSelector.matchLabels.a=b',
      'networkPolicy.extraEgress[0].to[0].ipBlock.cidr=169.254.169.254/32',
    ],
  },
  watching: { off: [], on: ['serviceMonitor.enabled=true', 'prometheusRule.enabled=true', 'dashboard.enabled=true'] },
  more: {
    none: ['image.tag=v1'],
    all: [
      `image.digest=sha256:${'0'.repeat(64)}`,
      'imagePullSecrets[0].name=pull',
      'podAnnotations.a=b',
      'podLabels.a=b',
      'nodeSelector.a=b',
      'tolerations[0].operator=Exists',
      'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight=1',
      'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].key=metadata.name',
      'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].operator=In',
      'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchFields[0].values={a}',
      'priorityClassName=high',
      'extraEnv[0].name=A',
      'extraEnv[0].value=b',
      'extraVolumes[0].name=more',
      'extraVolumes[0].emptyDir.medium=Memory',
      'extraVolumeMounts[0].name=more',
      'extraVolumeMounts[0].mountPath=/more',
      'topologySpreadConstraints[0].maxSkew=1',
      'topologySpreadConstraints[0].topologyKey=kubernetes.io/hostname',
      'topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule',
      'service.annotations.a=b',
      'adminService.annotations.a=b',
      'fullnameOverride=other',
    ],
  },
};

// More than the runner gives a file: the machine may be busy, and no time is asserted.
t.setTimeout(400_000);

t.test('the chart', { timeout: 390_000 }, async (t) => {
  const cluster = await kubernetes(t, TOOLS);
  if (cluster === undefined) return;
  await define(cluster);
  await t.test('lint finds nothing', (t) => lint(t, cluster));
  await t.test('its own unit tests pass', (t) => unitTests(t, cluster));
  await t.test('all that any two choices render fits the schemas of this very API server', (t) => conform(t, cluster));
  await t.test('each values file is installed, upgraded, rolled back and uninstalled', (t) => lifecycles(t, cluster));
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
  const dir = t.testdir({ schemas: {}, rendered: {} });
  const schemas = await writeSchemas(cluster, join(dir, 'schemas'));
  // A service that nobody can bootstrap is never of use.
  const allowed = ({ kind, kek, callers, scale, net, watching }: Choice) =>
    !(kek === 'none' && callers === 'nobody') &&
    !(kind === 'daemonset' && scale === 'auto') &&
    !(net === 'noAdmin' && watching === 'on');
  const choices = allPairs(
    Object.fromEntries(Object.entries(CHOICES).map(([name, values]) => [name, Object.keys(values)])),
    allowed,
  );
  t.comment(`${choices.length} combinations`);
  const folder = join(dir, 'rendered');
  for (const choice of choices) {
    const flags = Object.entries(choice).flatMap(([name, value]) => CHOICES[name]?.[value] ?? []);
    const sets = flags.flatMap((flag) => ['--set', flag]);
    const { stdout } = await cluster.tool('helm', ['template', 'keystead', CHART, '--namespace', 'keys', ...sets]);
    writeFileSync(join(folder, `${Object.values(choice).join('-')}.yaml`), stdout);
  }
  const { stdout } = await cluster.tool('kubeconform', ['-strict', '-summary', '-schema-location', schemas, folder]);
  t.match(stdout, new RegExp(`found in ${choices.length} files - Valid: \\d+, Invalid: 0, Errors: 0, Skipped: 0`));
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
  const all = 'deployment,daemonset,service,configmap,secret,serviceaccount,role,rolebinding,networkpolicy,pdb,hpa';
  const selected = ['--selector', `app.kubernetes.io/instance=${release}`, '--output', 'name'];
  const left = await cluster.tool('kubectl', ['--namespace', namespace, 'get', all, ...selected]);
  t.equal(left.stdout, '', 'nothing is left');
}
