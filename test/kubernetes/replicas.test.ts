import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readSmallFile } from '../../src/config/read-small-file.ts';
import { kubernetesApi } from '../../src/providers/kubernetes/api.ts';
import { kekSecret } from '../../src/providers/kubernetes/kek-secret.ts';
import { kekPlaceSuite, type PlaceScene } from '../conformance/kek-place.ts';
import { authority } from '../support/certificates.ts';
import type { CliService } from '../support/cli-service.ts';
import { type Cluster, kubernetes } from '../support/kubernetes.ts';
import { testAmbient } from '../support/services.ts';
import { type Asked, askOver } from './support/ask.ts';
import { CHART } from './support/chart.ts';
import { clusterAdmin } from './support/cluster-admin.ts';
import { accountToken, runPod } from './support/kubelet.ts';
import { Relay } from './support/relay.ts';
import { until } from './support/until.ts';

const NAMESPACE = 'keystead';
const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`;
const KEK = `${SECRETS}/keystead-kek`;
const BINDING = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/rolebindings/keystead-kek`;
const WORKLOAD = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/keystead`;
const ADMIN_TOKEN = randomBytes(24).toString('base64url');
const inBase64 = (data: Readonly<Record<string, Uint8Array | string>>) =>
  Object.fromEntries(Object.entries(data).map(([name, value]) => [name, Buffer.from(value).toString('base64')]));

// More than the runner gives a file: the machine may be busy, and no time is asserted.
t.setTimeout(400_000);

t.test('replicas as the chart starts them, on a real API server', { timeout: 390_000 }, async (t) => {
  const cluster = await kubernetes(t, ['helm']);
  if (cluster === undefined) return;
  const ca = await install(t, cluster);
  const pod = (env: NodeJS.ProcessEnv = {}) => runPod(t, cluster, WORKLOAD, env);
  const ask = (replica: CliService, path: string, asked: Asked = {}) => askOver(`${replica.http}${path}`, ca, asked);
  const bootstrap = (replica: CliService, body: object, token = ADMIN_TOKEN) =>
    askOver(`${replica.admin}/v1/system/bootstrap`, ca, { method: 'POST', token, body });
  const caller = await accountToken(cluster, 'team-a', 'web', ['keystead']);
  const get = (replica: CliService, id = 'team-a/volume-1') =>
    ask(replica, `/v1/data-keys/${encodeURIComponent(id)}/get`, { method: 'POST', token: caller });
  const ready = (replica: CliService) => until(async () => (await ask(replica, '/readyz')).status === 200);

  // The second one has two processes.
  const [one, two] = await Promise.all([pod(), pod({ KEYSTEAD_WORKERS: '2' })]);
  let key: unknown;
  let fingerprint: unknown;

  await t.test('without a KEK they live and are not ready', async (t) => {
    for (const replica of [one, two]) {
      t.match(await ask(replica, '/livez'), { status: 200 });
      t.match(await ask(replica, '/readyz'), { status: 503, body: { reason: 'sealed' } });
      t.match(await get(replica), { status: 503, body: { reason: 'sealed' } });
    }
  });

  await t.test('of two administrators who bootstrap at once one wins, and the others unseal themselves', async (t) => {
    t.match(await bootstrap(one, { generate: true }, caller), { status: 403 });
    const callers = await ask(one, '/v1/system/bootstrap', {
      method: 'POST',
      token: ADMIN_TOKEN,
      body: { generate: true },
    });
    t.match(callers, { status: 404 }, 'the listener of the callers does not have it');
    // Two administrators at once, each with a KEK of its own: one wins, the other is told.
    const race = await Promise.all([one, two].map((replica) => bootstrap(replica, { generate: true })));
    const [won, lost] = race.sort((a, b) => a.status - b.status);
    t.match(won, { status: 200, body: { kek: { version: 1, fingerprint: /^[0-9a-f]{32}$/ } } });
    fingerprint = ((won as NonNullable<typeof won>).body['kek'] as { fingerprint: string }).fingerprint;
    t.match(lost, { status: 409, body: { reason: 'kek-exists', detail: new RegExp(String(fingerprint)) } });
    t.match(await cluster.ask('GET', KEK), { type: 'Opaque', immutable: true, data: { mastersecret: /./, salt: /./ } });
    for (const replica of [one, two]) await ready(replica);
    const keys = await Promise.all([one, two].map((replica) => get(replica)));
    for (const { status, body } of keys)
      t.match({ status, key: body['dataKey'] }, { status: 200, key: keys[0]?.body['dataKey'] });
    key = keys[0]?.body['dataKey'];
  });

  await t.test('a namespace gets its own keys and nobody else’s', async (t) => {
    t.match(await get(one, 'team-b/volume-1'), { status: 403 });
    const wrong = await accountToken(cluster, 'team-a', 'web', ['elsewhere']);
    t.match(await ask(one, '/v1/data-keys/team-a%2Fx/get', { method: 'POST', token: wrong }), { status: 401 });
  });

  await t.test('another KEK is refused and changes nothing', async (t) => {
    const { data } = (await cluster.ask('GET', KEK)) as { data: object };
    const other = { masterSecret: 'A'.repeat(44), salt: 'A'.repeat(44) };
    t.match(await bootstrap(one, other), { status: 409, body: { reason: 'kek-exists' } });
    t.same((await cluster.ask('GET', KEK))['data'], data);
  });

  await t.test('a restart needs nobody', async (t) => {
    t.equal(await one.stop(), 0);
    const again = await pod();
    t.match(await ask(again, '/readyz'), { status: 200 });
    t.match(await get(again), { status: 200, body: { dataKey: key } });
  });

  await t.test('the account may do what it needs, and no more', async (t) => {
    const token = await accountToken(cluster, NAMESPACE, 'keystead');
    const asAccount = (method: string, path: string, body?: object) =>
      askOver(`${cluster.url}${path}`, cluster.ca, { method, token, ...(body && { body }) });
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
    t.match(await asAccount('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review), { status: 201 });
    t.match(await asAccount('GET', KEK), { status: 200 });
    for (const [method, path] of [
      ['GET', SECRETS],
      ['GET', `${SECRETS}/keystead-admin`],
      ['GET', `${SECRETS}?watch=1`],
      ['GET', '/api/v1/namespaces/kube-system/secrets'],
      ['PUT', KEK],
      ['PATCH', KEK],
      ['DELETE', KEK],
      ['DELETE', SECRETS],
      ['POST', '/api/v1/namespaces/team-a/secrets'],
      ['POST', `/api/v1/namespaces/${NAMESPACE}/pods`],
    ] as const) {
      t.match(
        await asAccount(method, path, method.startsWith('P') ? {} : undefined),
        { status: 403 },
        `${method} ${path}`,
      );
    }
  });

  await t.test('while the Secret is another, no replica serves; when it is what it was, all do', async (t) => {
    const { data } = (await cluster.ask('GET', KEK)) as { data: object };
    const write = async (data: object) => {
      await cluster.ask('DELETE', KEK);
      await cluster.ask('POST', SECRETS, { metadata: { name: 'keystead-kek' }, data });
    };
    await write(inBase64({ mastersecret: 'another '.repeat(4), salt: 'another '.repeat(4) }));
    // Each of its processes looks for itself, and any of them answers.
    await until(async () => (await ask(two, '/readyz')).status === 503);
    const notReady = ({ body }: { body: Record<string, unknown> }) => body['state'] === 'not-ready';
    const status = await until(() => ask(two, '/v1/system/status'), notReady);
    t.match(status.body, { reason: /keystead\/keystead-kek is not the KEK of this service/ });
    t.match((await until(() => get(two), has(409))).body, { reason: 'fingerprint-mismatch', dataKey: undefined });
    const late = await pod();
    t.not(((await ask(late, '/v1/system/status')).body['kek'] as { fingerprint: string }).fingerprint, fingerprint);
    await late.stop();
    await write(data);
    await ready(two);
    t.match((await until(() => get(two), has(200))).body, { dataKey: key });
  });

  /** Waits until the status of a replica shows how it stands with the Secret; metrics say the same. */
  const shows = async (t: Test, replica: CliService, state: string, problem: RegExp | undefined) => {
    const told = async () => JSON.stringify((await ask(replica, '/v1/system/status')).body['kekSecret']);
    const wanted = new RegExp(`^\\{"name":"the Secret keystead/keystead-kek","state":"${state}","since":"[^"]+"`);
    const text = await until(told, (text) => wanted.test(text) && (problem ?? wanted).test(text));
    t.equal(/"problem"/.test(text), problem !== undefined);
    const failing = new RegExp(`^keystead_kek_secret_failing ${problem === undefined ? 0 : 1}$`, 'm');
    const metrics = async () => (await askOver(`${replica.admin}/metrics`, ca, { token: ADMIN_TOKEN })).text;
    await until(async () => failing.test(await metrics())); // of another worker process, it may be a moment later
  };

  await t.test('a Secret that is removed is told and stops nothing, and the same KEK makes it anew', async (t) => {
    await shows(t, two, 'held', undefined);
    const { data } = (await cluster.ask('GET', KEK)) as { data: { mastersecret: string; salt: string } };
    await cluster.ask('DELETE', KEK);
    await shows(t, two, 'absent', /is gone: a restarted service will be sealed; bootstrap the same KEK again/);
    t.match(await ask(two, '/readyz'), { status: 200 });
    t.match(await get(two), { status: 200, body: { dataKey: key } });
    t.match(await bootstrap(two, { masterSecret: data.mastersecret, salt: data.salt }), {
      status: 200,
      body: { kek: { fingerprint } },
    });
    t.same((await cluster.ask('GET', KEK))['data'], data);
    await shows(t, two, 'held', undefined);
  });

  await t.test(
    'without rights or API server, who has the KEK goes on, who starts is sealed, and both say why',
    async (t) => {
      const relay = await Relay.open(t, cluster.url);
      const through = { KEYSTEAD_KUBERNETES_URL: relay.url };
      const three = await pod(through);
      await shows(t, three, 'held', undefined);
      relay.cut();
      await shows(t, three, 'unseen', /the API server/);
      t.match(await get(three), { status: 200, body: { dataKey: key } });
      const late = await pod(through);
      await until(async () => /API server/.test(String((await ask(late, '/readyz')).body['detail'])));
      t.match(await ask(late, '/readyz'), {
        status: 503,
        body: { reason: 'sealed', detail: /no KEK yet: .*API server/ },
      });

      const { metadata: _, ...binding } = await cluster.ask('GET', BINDING);
      await cluster.ask('DELETE', BINDING);
      // The API server obeys a moment later, and whoever comes before that sees the Secret.
      const token = await accountToken(cluster, NAMESPACE, 'keystead');
      await until(
        async () => (await askOver(`${cluster.url}${KEK}`, cluster.ca, { token })).status,
        (status) => status === 403,
      );
      relay.mend();
      for (const replica of [three, late]) await shows(t, replica, 'unseen', /\(403\); see its Role/);
      t.match(await get(three), { status: 200, body: { dataKey: key } });
      t.match(await get(late), { status: 503, body: { reason: 'sealed', detail: /see its Role/ } });
      await cluster.ask('POST', BINDING.replace(/\/[^/]*$/, ''), { metadata: { name: 'keystead-kek' }, ...binding });
      for (const replica of [three, late]) await shows(t, replica, 'held', undefined);
      t.match(await get(late), { status: 200, body: { dataKey: key } });
    },
  );

  await t.test('the contract of a place for the KEK', (t) => kekPlaceSuiteOn(t, cluster));
});

/** What the README has an administrator do, and what is there in every cluster. */
async function install(t: Test, cluster: Cluster): Promise<string> {
  for (const name of [NAMESPACE, 'team-a', 'places'])
    await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name } });
  await cluster.ask('POST', '/api/v1/namespaces/team-a/serviceaccounts', { metadata: { name: 'web' } });
  const mine = authority('keystead');
  const { cert, key } = mine.issue('keystead.keystead.svc');
  const secret = (name: string, data: Record<string, string>) =>
    cluster.ask('POST', SECRETS, { metadata: { name }, data: inBase64(data) });
  await secret('keystead-tls', { 'tls.crt': cert, 'tls.key': key, 'ca.crt': mine.cert });
  await secret('keystead-admin', { token: ADMIN_TOKEN });
  const values = join(t.testdir(), 'values.json');
  const account = '/var/run/secrets/kubernetes.io/serviceaccount';
  const files = { caFile: `${account}/ca.crt`, tokenFile: `${account}/token` };
  writeFileSync(
    values,
    JSON.stringify({
      auth: {
        version: 1,
        authenticators: [
          {
            name: 'cluster',
            kind: 'service-account',
            issuer: cluster.url,
            audiences: ['keystead'],
            jwksUri: `${cluster.url}/openid/v1/jwks`,
            ...files,
            review: { url: cluster.url, ...files },
          },
        ],
      },
    }),
  );
  const args = [
    'install',
    'keystead',
    CHART,
    '--namespace',
    NAMESPACE,
    '--values',
    join(CHART, 'ci', 'bootstrap-values.yaml'),
    '--values',
    values,
  ];
  await cluster.tool('helm', args);
  return mine.cert;
}

/** As the administrator of the cluster, who may do everything. */
async function kekPlaceSuiteOn(t: Test, cluster: Cluster): Promise<void> {
  let count = 0;
  const token = await clusterAdmin(cluster, 'places', 'admin');
  const tokenFile = join(t.testdir({ token }), 'token');
  const api = kubernetesApi({
    url: cluster.url,
    caFile: cluster.caFile,
    tokenFile,
    timeoutMs: 20_000,
    readFile: readSmallFile,
  });
  kekPlaceSuite(t, async (): Promise<PlaceScene> => {
    const secret = `kek-${++count}`;
    const all = '/api/v1/namespaces/places/secrets';
    const exists = () => cluster.ask('GET', `${all}/${secret}`).then(Boolean, () => false);
    return {
      place: kekSecret({ api, namespace: 'places', secret, clock: testAmbient().clock }),
      async put(data) {
        const body = { metadata: { name: secret }, data: inBase64(data ?? {}) };
        if (data === undefined) await cluster.ask('DELETE', `${all}/${secret}`);
        else if (await exists()) await cluster.ask('PUT', `${all}/${secret}`, body);
        else await cluster.ask('POST', all, body);
      },
    };
  });
}

function has(wanted: number) {
  return ({ status }: { status: number }) => status === wanted;
}
