import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import type { Kek } from '../../../src/core/kek.ts';
import type { WrappedKeyStore } from '../../../src/core/store.ts';
import type { KmsUriOf, StorageUriOf } from '../../../src/core/uri-schemas.ts';
import { openGcsStore } from '../../../src/providers/gcp/gcs-store.ts';
import { openGcpKek } from '../../../src/providers/gcp/kek.ts';
import { emulators } from '../../support/emulators.ts';
import { failure } from '../../support/failure.ts';
import { testCall } from '../../support/services.ts';
import { answerJson, fakeHttp, fakeKms, hangingServer, kmsAdmin, random, secrets } from './fakes.ts';

const call = testCall();
const place = { projectID: 'p', location: 'europe-west3', keyRing: 'r', keyName: 'k' };
const dir = t.testdir();
// What the machine knows of Google must not matter here.
process.env['METADATA_SERVER_DETECTION'] = 'none';
process.env['CLOUDSDK_CONFIG'] = dir;
delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const serviceAccount = {
  type: 'service_account',
  project_id: 'p',
  private_key_id: '1',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  client_email: 'keystead@p.iam.gserviceaccount.com',
  client_id: '1',
};

/** Credentials whose token comes from a server of ours. */
function federated(tokenUrl: string): object {
  return {
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/oidc',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: tokenUrl,
    credential_source: { file: join(dir, 'subject-token') },
  };
}

async function credentialsFile(content: object | string): Promise<string> {
  await writeFile(join(dir, 'subject-token'), 'a token of the cluster');
  const path = join(dir, `${randomBytes(8).toString('hex')}.json`);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

async function openKek(t: Test, over: Partial<KmsUriOf<'gcp'>>, timeoutMs = 5000): Promise<Kek> {
  const kek = await openGcpKek({ scheme: 'kms', provider: 'gcp', ...place, ...over }, { secrets, random, timeoutMs });
  t.teardown(() => kek.close());
  return kek;
}

function openStore(over: Partial<StorageUriOf<'gcp'>>, timeoutMs = 5000): Promise<WrappedKeyStore> {
  const bucket = { projectID: 'p', bucket: 'a-bucket', create: false };
  return openGcsStore({ scheme: 'storage', provider: 'gcp', ...bucket, ...over }, { secrets, timeoutMs });
}

t.test(
  'a credentials file that is missing or garbled is an error that names it, and quotes nothing of it',
  async (t) => {
    const garbled: Record<string, [object | string, RegExp]> = {
      'no JSON': ['{"private_key": "SECRET', /not a JSON object/],
      'another JSON': ['["SECRET"]', /not a JSON object/],
      'another type': [{ type: 'SECRET' }, /"type" is none of service_account/],
      'a program as source': [
        { type: 'external_account', credential_source: { executable: { command: 'SECRET' } } },
        /program, which is not run/,
      ],
      'no e-mail': [{ ...serviceAccount, client_email: '' }, /no "client_email"/],
      'no key': [{ ...serviceAccount, private_key: undefined }, /no "private_key"/],
      'a cut key': [{ ...serviceAccount, private_key: '-----BEGIN PRIVATE KEY-----\nSECRET' }, /no private key in PEM/],
    };
    for (const [what, [content, message]] of Object.entries(garbled)) {
      const credentialsPath = await credentialsFile(content);
      for (const open of [() => openKek(t, { credentialsPath }), () => openStore({ credentialsPath })]) {
        const error: Error = await open().then(
          () => new Error('opened'),
          (error: Error) => error,
        );
        t.match(error, failure('bad-config', message), what);
        t.match(error.message, credentialsPath, what);
        t.notMatch(`${error.message} ${error.cause}`, /SECRET/, what);
      }
    }
    const absent = join(dir, 'absent.json');
    await t.rejects(openKek(t, { credentialsPath: absent }), failure('no-file', /absent\.json/));
    await t.rejects(openStore({ credentialsPath: absent }), failure('no-file', /absent\.json/));
    await t.rejects(openStore({ credentialsPath: dir }), failure('cannot-read', /cannot be read \(EISDIR\)/));
  },
);

t.test('every other kind of credentials file opens, and calls nobody', async (t) => {
  const person = { type: 'authorized_user', client_id: 'i', client_secret: 's', refresh_token: 'r' };
  const aws = {
    ...federated('https://sts.googleapis.com/v1/token'),
    credential_source: { environment_id: 'aws1', regional_cred_verification_url: 'https://sts.amazonaws.com' },
  };
  for (const file of [person, aws, serviceAccount]) {
    const credentialsPath = await credentialsFile(file);
    await t.resolves(openKek(t, { credentialsPath }));
    await t.resolves(openStore({ credentialsPath }));
  }
});

t.test('no credentials at all is said in plain words, and does not end the process', async (t) => {
  const kek = await openKek(t, { endpoint: 'https://127.0.0.1:9' });
  await t.rejects(kek.check(call), failure('provider-credentials', /credentialsPath/));
  await t.rejects(kek.check(call), failure('provider-credentials', /credentialsPath/));
  const store = await openStore({ endpoint: 'https://127.0.0.1:9' });
  await t.rejects(store.read('a', call), failure('provider-credentials', /credentialsPath/));
});

t.test('a token that is refused, or a place for tokens that hangs, ends with its own name', async (t) => {
  const refusing = await fakeHttp(t, (_request, response) =>
    answerJson(response, 400, { error: 'invalid_grant', error_description: 'The token has expired.' }),
  );
  const { port } = await hangingServer(t);
  const expired = { credentialsPath: await credentialsFile(federated(refusing.url)), endpoint: 'https://127.0.0.1:9' };
  const hanging = {
    credentialsPath: await credentialsFile(federated(`http://127.0.0.1:${port}`)),
    endpoint: 'https://127.0.0.1:9',
  };
  await t.rejects((await openStore(expired)).read('a', call), failure('credentials-expired', /renew/));
  await t.rejects((await openStore(hanging, 150)).read('a', call), failure('store-timeout'));
});

t.test(
  'a server without TLS, or with a certificate of an unknown authority, is unreachable in plain words',
  async (t) => {
    const plain = await fakeHttp(t, (_request, response) => void response.end());
    const tokens = await fakeHttp(t, (_request, response) =>
      answerJson(response, 200, {
        access_token: 'x',
        token_type: 'Bearer',
        expires_in: 3600,
        issued_token_type: 'urn:x',
      }),
    );
    const credentialsPath = await credentialsFile(federated(tokens.url));
    const endpoint = plain.url.replace('http:', 'https:');
    await t.rejects(
      (await openStore({ credentialsPath, endpoint })).read('a', call),
      failure('store-unreachable', /TLS/),
    );
    await t.rejects((await openKek(t, { credentialsPath, endpoint })).check(call), failure('kms-unreachable', /TLS/));
  },
);

t.test('over TLS the credentials are sent, also where they come only later', async (t) => {
  const env = await emulators(t, ['gcp-kms']);
  if (env === undefined) return;
  const admin = kmsAdmin(t, env['GCP_KMS_ENDPOINT'] ?? '');
  const keyRing = `ring-${randomBytes(8).toString('hex')}`;
  const parent = 'projects/p/locations/europe-west3';
  await admin.createKeyRing({ parent, keyRingId: keyRing, keyRing: {} });
  await admin.createCryptoKey({
    parent: `${parent}/keyRings/${keyRing}`,
    cryptoKeyId: 'k',
    cryptoKey: { purpose: 'ENCRYPT_DECRYPT' },
  });
  const endpoint = `https://${env['GCP_KMS_TLS_ENDPOINT']}`;
  const credentialsPath = await credentialsFile(serviceAccount);
  // gRPC reads its authorities when it is loaded, so this is a process of its own.
  const script = `
    import { openGcpKek } from '${join(import.meta.dirname, '../../../src/providers/gcp/kek.ts')}';
    import { readFile } from 'node:fs/promises';
    const uri = { scheme: 'kms', provider: 'gcp', ...${JSON.stringify({ ...place, keyRing, endpoint })} };
    const deps = { secrets: { env: {}, readFile }, random: { bytes: (length) => new Uint8Array(length) } };
    const call = { signal: new AbortController().signal };
    const check = async (kek) => kek.check(call).then(() => 'ready', (error) => error.reason);
    const given = await openGcpKek({ ...uri, credentialsPath: '${credentialsPath}' }, deps);
    const found = await openGcpKek(uri, deps);
    const said = [await check(given), await check(found)];
    process.env.GOOGLE_APPLICATION_CREDENTIALS = '${credentialsPath}';
    console.log(JSON.stringify([...said, await check(found)]));
    await Promise.all([given.close(), found.close()]);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ...env },
  });
  t.same(JSON.parse(stdout), ['ready', 'provider-credentials', 'ready']);
});

t.test('the store sends a token that the service account signed itself, over TLS', async (t) => {
  const env = await emulators(t, ['gcp-kms']); // for its certificate alone
  if (env === undefined) return;
  const folder = dirname(env['NODE_EXTRA_CA_CERTS'] ?? '');
  const seen: (string | undefined)[] = [];
  const [cert, key] = await Promise.all([readFile(join(folder, 'server.crt')), readFile(join(folder, 'server.key'))]);
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
  const endpoint = `https://localhost:${(server.address() as AddressInfo).port}`;
  const store = await openStore({ endpoint, credentialsPath: await credentialsFile(serviceAccount) });
  t.match(await store.read('a', call), { etag: '1' });
  const [, payload = ''] = seen[0]?.split('.') ?? [];
  t.match(JSON.parse(Buffer.from(payload, 'base64url').toString()), {
    iss: serviceAccount.client_email,
    scope: 'https://www.googleapis.com/auth/cloud-platform',
  });
});

t.test('the log of the SDK stays off, because it would print keys', async (t) => {
  const plaintext = Buffer.from('0123456789abcdef0123456789abcdef');
  const endpoint = await fakeKms(t, { Decrypt: () => ({ plaintext, plaintextCrc32c: null }) });
  const script = `
    import { openGcpKek } from '${join(import.meta.dirname, '../../../src/providers/gcp/kek.ts')}';
    const uri = { scheme: 'kms', provider: 'gcp', ...${JSON.stringify({ ...place, endpoint })} };
    const kek = await openGcpKek(uri, {});
    const wrapped = { kek: '', version: '1', algorithm: 'gcp-kms', bytes: Buffer.from('wrapped') };
    const call = { signal: new AbortController().signal };
    console.log(await kek.unwrap(wrapped, {}, call).then(() => 'unwrapped', (error) => error.reason));
    await kek.close();`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, GOOGLE_SDK_NODE_LOGGING: 'all' },
  });
  t.equal(stdout.trim(), 'kms-bad-answer');
  t.notMatch(stderr, /kms|request|response/i);
});
