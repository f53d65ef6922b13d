import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import type { CredentialSource, GcpAccess } from '../../../src/core/roles.ts';
import { openGcsStore } from '../../../src/providers/gcp/gcs-store.ts';
import { emulators } from '../../support/emulators.ts';
import { failure } from '../../support/failure.ts';
import { testCall } from '../../support/services.ts';
import { answerJson, fakeHttp, kmsAdmin, secrets } from './fakes.ts';

t.setTimeout(400_000);
const call = testCall();
const dir = t.testdir();
// What the machine knows of Google must not matter here.
process.env['METADATA_SERVER_DETECTION'] = 'none';
process.env['CLOUDSDK_CONFIG'] = dir;
delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];

const CHAIN = [
  'hub@infra.iam.gserviceaccount.com',
  'spoke@prod.iam.gserviceaccount.com',
  'kms@prod.iam.gserviceaccount.com',
];
const hour = () => new Date(Date.now() + 3_600_000).toISOString();

async function keyFile(): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const path = join(dir, `${randomBytes(8).toString('hex')}.json`);
  const file = {
    type: 'service_account',
    private_key_id: '1',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: 'keystead@p.iam.gserviceaccount.com',
  };
  await writeFile(path, JSON.stringify(file));
  return path;
}

/** One access path, whatever its name. */
function access(path: GcpAccess): CredentialSource {
  const none = () => Promise.reject(new Error('not of this test'));
  return { aws: none, gcp: () => path, azure: none as never, close: async () => {} };
}

/** A bucket over TLS that remembers who asked. */
async function bucket(t: Test, env: Record<string, string>) {
  const folder = dirname(env['NODE_EXTRA_CA_CERTS'] ?? '');
  const [cert, key] = await Promise.all([readFile(join(folder, 'server.crt')), readFile(join(folder, 'server.key'))]);
  const seen: (string | undefined)[] = [];
  const server = createServer({ cert, key }, (request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(200, { 'x-goog-generation': '1' }).end('record');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { seen, endpoint: `https://localhost:${(server.address() as AddressInfo).port}` };
}

const uri = (endpoint: string) =>
  ({
    scheme: 'storage',
    provider: 'gcp',
    projectID: 'p',
    bucket: 'b',
    access: 'prod',
    endpoint,
    create: false,
  }) as const;

t.test('the store sends the token of the last account of the chain, fetched once for all', async (t) => {
  const env = await emulators(t, ['gcp-kms']); // for its certificate alone
  if (env === undefined) return;
  const { seen, endpoint } = await bucket(t, env);
  const iam = await fakeHttp(t, (_request, response) =>
    answerJson(response, 200, { accessToken: 'token-of-kms', expireTime: hour() }),
  );
  const path = { impersonate: CHAIN, lifetimeSeconds: 1200, endpoint: iam.url, credentialsPath: await keyFile() };
  const store = await openGcsStore(uri(endpoint), { secrets, access: access(path) });
  t.teardown(() => store.close());
  await Promise.all(['a', 'b', 'c'].map((name) => store.read(name, call)));
  await store.read('d', call);
  t.same(seen, Array(4).fill('Bearer token-of-kms'));
  t.equal(iam.requests.length, 1);
  const [asked] = iam.requests;
  t.equal(asked?.path, '/v1/projects/-/serviceAccounts/kms@prod.iam.gserviceaccount.com:generateAccessToken');
  t.same(JSON.parse(asked?.body ?? ''), {
    delegates: [
      'projects/-/serviceAccounts/hub@infra.iam.gserviceaccount.com',
      'projects/-/serviceAccounts/spoke@prod.iam.gserviceaccount.com',
    ],
    scope: ['https://www.googleapis.com/auth/cloud-platform'],
    lifetime: '1200s',
  });
  const [, claims = ''] = asked?.headers.authorization?.split('.') ?? [];
  t.match(JSON.parse(Buffer.from(claims, 'base64url').toString()), { iss: 'keystead@p.iam.gserviceaccount.com' });
});

t.test('a chain that is refused is a named failure, and is tried again', async (t) => {
  const env = await emulators(t, ['gcp-kms']);
  if (env === undefined) return;
  const { endpoint } = await bucket(t, env);
  let refuses = true;
  const iam = await fakeHttp(t, (_request, response) =>
    refuses
      ? answerJson(response, 403, {
          error: { code: 403, status: 'PERMISSION_DENIED', message: 'iam.serviceAccounts.getAccessToken' },
        })
      : answerJson(response, 200, { accessToken: 'token', expireTime: hour() }),
  );
  const path = {
    impersonate: ['kms@prod.iam.gserviceaccount.com'],
    endpoint: iam.url,
    credentialsPath: await keyFile(),
  };
  const store = await openGcsStore(uri(endpoint), { secrets, access: access(path) });
  t.teardown(() => store.close());
  await t.rejects(store.read('a', call), failure('provider-denied'));
  refuses = false;
  t.match(await store.read('a', call), { etag: '1' });
});

t.test('credentials in the URI besides are refused', async (t) => {
  const path = { impersonate: ['kms@prod.iam.gserviceaccount.com'] };
  const both = { ...uri('https://localhost:1'), credentialsPath: 'key.json' };
  await t.rejects(openGcsStore(both, { secrets, access: access(path) }), failure('bad-uri', /give one of them/));
});

t.test('Cloud KMS gets the token of the chain too', async (t) => {
  const env = await emulators(t, ['gcp-kms']);
  if (env === undefined) return;
  const admin = kmsAdmin(t, env['GCP_KMS_ENDPOINT'] ?? '');
  const keyRing = `ring-${randomBytes(8).toString('hex')}`;
  const parent = 'projects/p/locations/europe-west3';
  await admin.createKeyRing({ parent, keyRingId: keyRing, keyRing: {} });
  const cryptoKey = { purpose: 'ENCRYPT_DECRYPT' as const };
  await admin.createCryptoKey({ parent: `${parent}/keyRings/${keyRing}`, cryptoKeyId: 'k', cryptoKey });
  const iam = await fakeHttp(t, (_request, response) =>
    answerJson(response, 200, { accessToken: 'token-of-kms', expireTime: hour() }),
  );
  const path = { impersonate: CHAIN, endpoint: iam.url, credentialsPath: await keyFile() };
  const kms = {
    projectID: 'p',
    location: 'europe-west3',
    keyRing,
    keyName: 'k',
    access: 'prod',
    endpoint: `https://${env['GCP_KMS_TLS_ENDPOINT']}`,
  };
  // gRPC reads its authorities when it is loaded, so this is a process of its own.
  const script = `
    import { openGcpKek } from '${join(import.meta.dirname, '../../../src/providers/gcp/kek.ts')}';
    import { readFile } from 'node:fs/promises';
    const uri = { scheme: 'kms', provider: 'gcp', ...${JSON.stringify(kms)} };
    const access = { gcp: () => (${JSON.stringify(path)}) };
    const deps = { secrets: { env: {}, readFile }, access, random: { bytes: (length) => new Uint8Array(length) } };
    const kek = await openGcpKek(uri, deps);
    console.log(await kek.check({ signal: new AbortController().signal }).then(() => 'ready', (error) => error.message));
    await kek.close();`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ...env },
  });
  t.same([stdout, stderr], ['ready\n', '']);
  t.equal(iam.requests.length, 1);
});
