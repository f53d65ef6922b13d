import { createPrivateKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import t, { type Test } from 'tap';
import { signingKey } from '../auth/support/issuer.ts';
import { failureOf, grpcClient } from '../server/grpc/support/grpc-client.ts';
import { type Cluster, kubernetes } from '../support/kubernetes.ts';
import { startService } from '../support/service-process.ts';

const NAMESPACE = 'team-a';
const ACCOUNT = 'node-plugin';
/** Without and with a TokenReview. */
const [OFFLINE, REVIEWED] = ['keystead.example', 'reviewed.keystead.example'];
const MINUTE = 60;

const accountPath = (namespace: string, name: string) => `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
const metadata = (name: string) => ({ metadata: { name } });

/** A token as a Pod gets it. */
async function tokenOf(cluster: Cluster, namespace: string, name: string, spec: object): Promise<string> {
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 600, ...spec },
  };
  const answer = await cluster.ask('POST', `${accountPath(namespace, name)}/token`, body);
  return (answer['status'] as { token: string }).token;
}

/** Two accounts of a tenant, one of another, and one of the service itself, which may review tokens. */
async function populate(cluster: Cluster): Promise<void> {
  for (const [namespace, names] of [
    [NAMESPACE, [ACCOUNT, 'other']],
    ['team-b', [ACCOUNT]],
    ['keystead', ['keystead']],
  ] as const) {
    await cluster.ask('POST', '/api/v1/namespaces', metadata(namespace));
    for (const name of names) {
      await cluster.ask('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, metadata(name));
    }
  }
  await cluster.ask('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    ...metadata('keystead'),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:auth-delegator' },
    subjects: [{ kind: 'ServiceAccount', name: 'keystead', namespace: 'keystead' }],
  });
}

/** A service as `keystead serve` runs it, which knows the accounts of the cluster. */
async function serveFor(t: Test, cluster: Cluster) {
  const dir = t.testdir({ kek: { mastersecret: 'm'.repeat(32), salt: 's'.repeat(32) } });
  const tokenFile = join(dir, 'token');
  writeFileSync(tokenFile, await tokenOf(cluster, 'keystead', 'keystead', {}));
  const keys = { issuer: cluster.url, caFile: cluster.caFile, tokenFile, refresh: 10, outage: 600 };
  const review = { url: cluster.url, caFile: cluster.caFile, tokenFile, cacheSeconds: 1 };
  const authenticators = [
    { name: 'cluster', kind: 'service-account', audiences: [OFFLINE], ...keys },
    { name: 'reviewed', kind: 'service-account', audiences: [REVIEWED], ...keys, review },
  ];
  writeFileSync(join(dir, 'auth.yaml'), JSON.stringify({ version: 1, authenticators }));
  writeFileSync(join(dir, 'policy.yaml'), JSON.stringify({ version: 1, tenants: [{ namespaces: ['team-*'] }] }));
  const service = startService(t, {
    dev: false,
    kek: { dir: join(dir, 'kek') },
    auth: { file: join(dir, 'auth.yaml') },
    policy: { file: join(dir, 'policy.yaml') },
    limits: { failedLogins: 0 },
  });
  const { http, grpc } = await service.ready();
  const client = grpcClient(t, Number(grpc.split(':').at(-1)));
  const id = `${NAMESPACE}/volume-1`;
  const message = Buffer.concat([Buffer.from([0x0a, id.length]), Buffer.from(id), Buffer.from([0x10, 32])]);
  return {
    service,
    /** Status and reason over HTTP. */
    async get(token: string, key = id) {
      const url = `${http}/v1/data-keys/${encodeURIComponent(key)}/get`;
      const answer = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
      const { reason = 'ok', detail } = (await answer.json()) as { reason?: string; detail?: string };
      return { status: answer.status, reason, detail };
    },
    /** Status over gRPC. */
    async call(token: string): Promise<number> {
      const sent = { metadata: { authorization: `Bearer ${token}` } };
      const answer = client.call('/kms.API/GetDataKey', message, sent);
      return answer.then(
        () => 0,
        async () => (await failureOf(answer)).code,
      );
    },
  };
}

/** A real token with other claims, signed anew. */
function forged(token: string, key: Parameters<SignJWT['sign']>[0], claims: object = {}): Promise<string> {
  const { alg = 'RS256', kid } = decodeProtectedHeader(token);
  return new SignJWT({ ...decodeJwt(token), ...claims }).setProtectedHeader({ alg, ...(kid && { kid }) }).sign(key);
}

t.test('tokens of a real cluster are accepted and refused rightly', { timeout: 390_000 }, async (t) => {
  const cluster = await kubernetes(t);
  if (cluster === undefined) return;
  await populate(cluster);
  const { service, get, call } = await serveFor(t, cluster);
  const own = createPrivateKey(cluster.signingKey);
  const now = Math.floor(Date.now() / 1000);
  const valid = await tokenOf(cluster, NAMESPACE, ACCOUNT, { audiences: [OFFLINE] });

  const refused = async (t: Test, token: string, detail?: RegExp) => {
    t.match(await get(token), { status: 401, reason: 'bad-credentials', ...(detail && { detail }) });
    t.equal(await call(token), 16);
  };
  await t.test('a valid one, for its own keys', async (t) => {
    t.match(await get(valid), { status: 200 });
    t.equal(await call(valid), 0);
    t.match(await get(valid, 'team-b/volume-1'), { status: 403, reason: 'policy' });
    const neighbour = await tokenOf(cluster, 'team-b', ACCOUNT, { audiences: [OFFLINE] });
    t.match(await get(neighbour), { status: 403, reason: 'policy' });
    const principal = `system:serviceaccount:${NAMESPACE}:${ACCOUNT}`;
    await service.until(() => service.audit.find((line) => JSON.stringify(line).includes(principal)));
  });
  await t.test('one for another audience, or for the API server', async (t) => {
    const audiences = ['another.example'];
    await refused(t, await tokenOf(cluster, NAMESPACE, ACCOUNT, { audiences }), /for another audience/);
    await refused(t, await tokenOf(cluster, NAMESPACE, ACCOUNT, {}), /for another audience/);
  });
  await t.test('one that has expired, or is not valid yet', async (t) => {
    await t.resolves(forged(valid, own).then(async (same) => t.match(await get(same), { status: 200 })));
    await refused(t, await forged(valid, own, { exp: now - MINUTE }), /has expired/);
    await refused(t, await forged(valid, own, { nbf: now + 2 * MINUTE }), /not valid yet/);
  });
  await t.test('one that another key has signed', async (t) => {
    await refused(t, await forged(valid, signingKey('any', 'RS256').privateKey), /^the credentials were not accepted$/);
  });
  await t.test('one whose claims name another account', async (t) => {
    await refused(t, await forged(valid, own, { sub: `system:serviceaccount:${NAMESPACE}:other` }));
    await refused(t, await forged(valid, own, { iss: 'https://kubernetes.default.svc' }));
  });
  await t.test('one whose bound object is deleted: only a review sees that', async (t) => {
    await cluster.ask('POST', `/api/v1/namespaces/${NAMESPACE}/secrets`, metadata('bound'));
    const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', name: 'bound' };
    const both = { boundObjectRef, audiences: [REVIEWED] };
    const reviewed = await tokenOf(cluster, NAMESPACE, ACCOUNT, both);
    const offline = await tokenOf(cluster, NAMESPACE, ACCOUNT, { ...both, audiences: [OFFLINE] });
    t.match(await get(reviewed), { status: 200 });
    t.equal(await call(reviewed), 0);
    await cluster.ask('DELETE', `/api/v1/namespaces/${NAMESPACE}/secrets/bound`);
    // The API server itself says yes for some seconds more.
    const patience = Date.now() + 30_000;
    while ((await get(reviewed)).status === 200 && Date.now() < patience) {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await refused(t, reviewed, /the API server does not accept it/);
    t.match(await get(offline), { status: 200 }, 'whoever checks signatures alone never learns of it');
  });
  await t.test('while the API server is away, reviewed ones are not let in and not called wrong', async (t) => {
    const reviewed = await tokenOf(cluster, NAMESPACE, 'other', { audiences: [REVIEWED] });
    t.match(await get(reviewed), { status: 200 });
    await cluster.stop();
    const patience = Date.now() + 10_000;
    while ((await get(reviewed)).status === 200 && Date.now() < patience) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    t.match(await get(reviewed), { status: 503, reason: 'token-review-unavailable' });
    t.equal(await call(reviewed), 14);
    t.match(await get(valid), { status: 200 }, 'the others go on with the keys of the last fetch');
    await refused(t, await forged(valid, signingKey('any', 'RS256').privateKey));
  });
});
