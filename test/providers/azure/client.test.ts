import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { dataKeyContext } from '../../../src/core/context.ts';
import { KeysteadError } from '../../../src/core/errors.ts';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import { cloudOf } from '../../../src/providers/azure/credentials.ts';
import { failure } from '../../support/failure.ts';
import { recordedSecrets } from '../../support/recorded-secrets.ts';
import { testCall } from '../../support/services.ts';
import {
  azureEmulators,
  blobQuery,
  deadAddress,
  keyAdmin,
  newContainer,
  openTestKek,
  openTestStore,
  plainServer,
  refusingAuthority,
  stubServer,
  stubVault,
  unique,
  vaultQuery,
} from './azure.ts';

const call = testCall();
const context = dataKeyContext('pvc-1', 1, 32);
const key = () => SecretBytes.own(new Uint8Array(32).fill(7));
const vault = { vaultName: 'v', vaultType: 'vault.azure.net', keyName: 'k' };
const account = { account: 'abc', container: 'abc' };

// What the machine knows of Azure must not matter here.
for (const name of Object.keys(process.env)) if (name.startsWith('AZURE_')) delete process.env[name];

/** Sets the environment that the SDK reads, for one test. */
function environment(t: { teardown(fn: () => unknown): unknown }, values: Record<string, string>): void {
  for (const [name, value] of Object.entries(values)) {
    const before = process.env[name];
    process.env[name] = value;
    t.teardown(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

t.test('tokens are never sent in the clear', async (t) => {
  const endpoint = 'http://127.0.0.1:9';
  await t.rejects(openTestKek(t, { ...vault, endpoint }), failure('bad-uri', /^kms:\/\/azure: endpoint .*https/));
  await t.rejects(
    openTestStore(t, { ...account, endpoint }),
    failure('bad-uri', /^storage:\/\/azure: endpoint .*https/),
  );
});
t.test('the client secret is resolved and wiped, and a missing one is named', async (t) => {
  const client = { tenantID: 'tenant-1', clientID: 'c' };
  const made = recordedSecrets(t);
  await openTestKek(t, { ...vault, ...client, clientSecret: 'a-secret-in-the-uri' });
  await openTestStore(t, { ...account, ...client, clientSecret: 'env://TEST_CLIENT_SECRET' });
  t.ok(made.length >= 3);
  t.ok(made.every((secret) => secret.disposed));
  const missing = { ...client, clientSecret: 'env://NOT_THERE' };
  await t.rejects(openTestKek(t, { ...vault, ...missing }), failure('bad-uri', /clientSecret.*NOT_THERE/));
  await t.rejects(openTestStore(t, { ...account, ...missing }), failure('bad-uri', /clientSecret.*NOT_THERE/));
});
t.test('tokens come from the authority of the cloud that the vault or account is in', async (t) => {
  const clouds = {
    'v.vault.azure.net': undefined,
    'v.managedhsm.azure.cn': 'AzureChina',
    'a.blob.core.chinacloudapi.cn': 'AzureChina',
    'v.vault.usgovcloudapi.net': 'AzureGovernment',
    'a.blob.core.usgovcloudapi.net': 'AzureGovernment',
    'v.vault.microsoftazure.de': 'AzureGermany',
    'a.blob.core.cloudapi.de': 'AzureGermany',
    'v.vault.azure.net.evil.cn': undefined,
    '127.0.0.1': undefined,
  };
  for (const [host, cloud] of Object.entries(clouds)) t.equal(cloudOf(host), cloud, host);
});
t.test('a default credential that cannot be made is a matter of configuration', async (t) => {
  environment(t, { AZURE_TOKEN_CREDENTIALS: 'nonsense' });
  await t.rejects(openTestKek(t, vault), failure('bad-config', /AZURE_TOKEN_CREDENTIALS/));
});

t.test('on the emulators', async (t) => {
  const env = await azureEmulators(t, ['oidc', 'azure-keyvault', 'azurite']);
  if (env === undefined) return;
  const at = vaultQuery(env);
  const blobs = blobQuery(env);
  const { tenantID: _t, clientID: _c, clientSecret: _s, ...anyone } = at;
  const imds = env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] as string;

  t.test('no credentials at all is said in plain words', async (t) => {
    environment(t, { AZURE_TOKEN_CREDENTIALS: 'WorkloadIdentityCredential' });
    const kek = await openTestKek(t, { ...anyone, keyName: 'k' });
    await t.rejects(kek.check(call), failure('provider-credentials', /clientSecret in the URI/));
  });
  t.test('the default credential is the workload’s or the managed identity', async (t) => {
    const { name: keyName } = await keyAdmin(at['endpoint'] as string).createRsaKey(unique('kek'));
    t.test('workload identity: a token of the cluster in a file', async (t) => {
      const subject = 'system:serviceaccount:keystead:keystead';
      const form = { grant_type: 'client_credentials', client_id: 'x', client_secret: 'x' };
      const answer = await fetch(`${env['OIDC_URL']}/k8s/token`, {
        method: 'POST',
        body: new URLSearchParams({
          ...form,
          audience: 'api://AzureADTokenExchange',
          namespace: 'keystead',
          serviceaccount: 'keystead',
        }),
      });
      const file = join(t.testdir(), 'token');
      writeFileSync(file, ((await answer.json()) as { access_token: string }).access_token);
      // The emulator wants the client to be the subject, which is no UUID and so not for the URI.
      environment(t, { AZURE_FEDERATED_TOKEN_FILE: file, AZURE_TENANT_ID: 'tenant-1', AZURE_CLIENT_ID: subject });
      await (await openTestKek(t, { ...anyone, keyName })).check(call);
    });
    t.test('managed identity: of the machine, or the one that clientID names', async (t) => {
      environment(t, { AZURE_POD_IDENTITY_AUTHORITY_HOST: imds });
      await (await openTestKek(t, { ...anyone, keyName })).check(call);
      const denied = await openTestKek(t, { ...anyone, keyName, clientID: 'no-access' });
      await t.rejects(denied.check(call), failure('provider-denied'));
    });
    t.test('a client secret of the environment', async (t) => {
      const client = { AZURE_TENANT_ID: 'tenant-1', AZURE_CLIENT_ID: 'c', AZURE_CLIENT_SECRET: 's' };
      environment(t, { ...client, AZURE_TOKEN_CREDENTIALS: 'EnvironmentCredential' });
      await (await openTestKek(t, { ...anyone, keyName })).check(call);
    });
  });
  t.test('what Microsoft Entra refuses has its own name, at the vault and at the store', async (t) => {
    const refusals = [
      [401, 'invalid_client', 'AADSTS7000215: Invalid client secret provided.', 'provider-credentials'],
      [401, 'invalid_client', 'AADSTS7000222: The provided client secret keys are expired.', 'credentials-expired'],
      [400, 'invalid_tenant', "AADSTS90002: Tenant 'x' not found.", 'provider-credentials'],
      [400, 'invalid_request', 'AADSTS53003: Access has been blocked by Conditional Access.', 'provider-denied'],
    ] as const;
    for (const [status, error, error_description, reason] of refusals) {
      const authority = await refusingAuthority(t, env, status, { error, error_description });
      environment(t, { AZURE_AUTHORITY_HOST: authority });
      const kek = await openTestKek(t, { ...at, keyName: 'k' });
      const store = await openTestStore(t, { ...blobs, container: 'abc' });
      for (const door of [kek, store]) {
        const problem: unknown = await door.check(call).catch((problem: unknown) => problem);
        t.match(problem, failure(reason), error_description);
        t.notMatch(JSON.stringify([problem, (problem as Error).cause]), /a-client-secret/);
      }
    }
  });
  t.test('credentials of another tenant are said to be so', async (t) => {
    const kek = await openTestKek(t, { ...at, keyName: 'k', tenantID: 'tenant-2' });
    await t.rejects(kek.check(call), failure('provider-credentials', /tenantID/));
  });
  t.test('an authority that hangs costs the time limit once, and works when it is back', async (t) => {
    const query = await newContainer(blobs);
    let hangs = true;
    const authority = await stubServer(t, env, async (request, response) => {
      if (hangs) return;
      const body = Buffer.concat(await request.toArray());
      const answer = await fetch(`${env['OIDC_URL']}${request.url}`, {
        method: request.method ?? '',
        headers: { 'content-type': String(request.headers['content-type'] ?? '') },
        ...(body.length === 0 ? {} : { body }),
      });
      const text = (await answer.text()).replaceAll(env['OIDC_URL'] as string, authority);
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
    });
    environment(t, { AZURE_AUTHORITY_HOST: authority });
    const store = await openTestStore(t, query, 2000);
    const gone = new AbortController();
    const first = store.read('a', testCall({ signal: gone.signal }));
    const second = store.read('a', call);
    gone.abort(new KeysteadError('client-gone', 'gone'));
    await t.rejects(first, failure('client-gone'));
    await t.rejects(second, failure('store-timeout', /no token/), 'nor did the first one end it for the second');
    hangs = false;
    t.equal(await store.read('a', call), undefined);
  });
  t.test('an authority that is away is said to be so', async (t) => {
    environment(t, { AZURE_AUTHORITY_HOST: await deadAddress() });
    await t.rejects((await openTestKek(t, { ...at, keyName: 'k' })).check(call), failure('kms-unreachable', /tokens/));
    const store = await openTestStore(t, { ...blobs, container: 'abc' });
    await t.rejects(store.check(call), failure('store-unreachable', /tokens/));
  });
  t.test('a server without TLS is unreachable in plain words', async (t) => {
    const endpoint = await plainServer(t);
    await t.rejects(
      (await openTestKek(t, { ...at, keyName: 'k', endpoint })).check(call),
      failure('kms-unreachable', /TLS/),
    );
    const store = await openTestStore(t, { ...blobs, container: 'abc', endpoint });
    await t.rejects(store.check(call), failure('store-unreachable', /TLS/));
  });
  t.test('both say who they are', async (t) => {
    const agents: string[] = [];
    const note = (agent: string | undefined) => void agents.push(agent ?? 'none');
    const kms = await stubVault(t, env, ({ headers }, response) => {
      note(headers['user-agent']);
      response.writeHead(404).end();
    });
    await t.rejects((await openTestKek(t, { ...at, keyName: 'k', endpoint: kms })).wrap(key(), context, call));
    const endpoint = await stubServer(t, env, ({ headers }, response) => {
      note(headers['user-agent']);
      response.writeHead(404).end();
    });
    await t.rejects((await openTestStore(t, { ...blobs, container: 'abc', endpoint })).read('a', call));
    t.ok(agents.length >= 2);
    for (const agent of agents) t.match(agent, /keystead /);
  });
});
