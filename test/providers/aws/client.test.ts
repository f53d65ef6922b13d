import { writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { failure } from '../../support/failure.ts';
import { recordedSecrets } from '../../support/recorded-secrets.ts';
import { testCall } from '../../support/services.ts';
import { openTestKek, openTestStore, stubServer } from './aws.ts';
import { sdkEnvironment } from './environment.ts';

const call = testCall();
/** A KMS that refuses everything and remembers the headers of what it was asked. */
async function listeningKms(t: Test): Promise<{ endpoint: string; asked: IncomingHttpHeaders[] }> {
  const asked: IncomingHttpHeaders[] = [];
  const endpoint = await stubServer(t, (request, response) => {
    asked.push(request.headers);
    response.writeHead(400, { 'x-amzn-errortype': 'AccessDeniedException' }).end('{}');
  });
  return { endpoint, asked };
}

/** Who asked and for which region, as the signature says. */
const signer = (headers: IncomingHttpHeaders | undefined) =>
  /Credential=([^/]+)\/\d{8}\/([^/]+)\/kms\//.exec(headers?.authorization ?? '')?.slice(1, 3);

t.test('static credentials of the URI are used, as they are, whatever the environment says', async (t) => {
  sdkEnvironment(t, { AWS_ACCESS_KEY_ID: 'FROMENV', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-west-2' });
  const { endpoint, asked } = await listeningKms(t);
  const made = recordedSecrets(t);
  const query = {
    endpoint,
    region: 'eu-west-1',
    keyName: 'alias/a',
    accessKeyID: 'FROMURI',
    accessKey: 'a+b/c%',
    sessionToken: 'to/ken==',
  };
  const kek = await openTestKek(t, query);
  t.same(
    made.filter((secret) => !secret.disposed),
    [],
    'the secrets of the URI are wiped',
  );
  await t.rejects(kek.check(call), failure('provider-denied'));
  t.same(signer(asked[0]), ['FROMURI', 'eu-west-1']);
  t.equal(asked[0]?.['x-amz-security-token'], 'to/ken==');
  t.match(asked[0]?.['user-agent'], /keystead/);
  t.notMatch(kek.uri, /FROMURI|a\+b|ken/);
});
t.test('the URI of the KEK names the region that it is in, wherever that is said', async (t) => {
  sdkEnvironment(t, { AWS_REGION: 'eu-north-1' });
  const uriOf = async (query: Record<string, string>) => (await openTestKek(t, query)).uri;
  t.equal(await uriOf({ keyName: 'alias/a' }), 'kms://aws?region=eu-north-1&keyName=alias/a');
  t.equal(await uriOf({ keyName: 'alias/a', region: 'us-east-2' }), 'kms://aws?region=us-east-2&keyName=alias/a');
  const arn = 'arn:aws:kms:eu-west-1:123456789012:key/k';
  t.equal(await uriOf({ keyName: arn }), `kms://aws?keyName=${arn}`);
});
t.test('the URI of the KEK names no region where nobody says one', async (t) => {
  sdkEnvironment(t, {});
  t.equal((await openTestKek(t, { keyName: 'alias/a' })).uri, 'kms://aws?keyName=alias/a');
});
t.test('a secret by reference is followed, and what is not there is named', async (t) => {
  sdkEnvironment(t, {});
  const { endpoint, asked } = await listeningKms(t);
  const query = { endpoint, region: 'eu-west-1', keyName: 'alias/a', accessKeyID: 'ID' };
  const kek = await openTestKek(t, { ...query, accessKey: 'env://TEST_ACCESS_KEY' });
  await t.rejects(kek.check(call), failure('provider-denied'));
  t.equal(asked.length, 1);
  await t.rejects(openTestKek(t, { ...query, accessKey: 'env://NOT_SET' }), failure('bad-uri', /NOT_SET/));
  await t.rejects(openTestKek(t, { ...query, accessKey: 'file:///none' }), failure('no-file', /none/));
});
t.test('a named access path that is nowhere is refused', async (t) => {
  await t.rejects(
    openTestKek(t, { keyName: 'alias/a', access: 'prod' }),
    failure('bad-uri', /access=prod .*access\.file/),
  );
  await t.rejects(
    openTestStore(t, { bucket: 'b12', access: 'prod' }),
    failure('bad-uri', /access=prod .*access\.file/),
  );
});

t.test('without credentials in the URI: the environment, with its region and its endpoint', async (t) => {
  const { endpoint, asked } = await listeningKms(t);
  sdkEnvironment(t, {
    AWS_ACCESS_KEY_ID: 'FROMENV',
    AWS_SECRET_ACCESS_KEY: 'x',
    AWS_REGION: 'eu-north-1',
    AWS_ENDPOINT_URL: endpoint,
  });
  await t.rejects((await openTestKek(t, { keyName: 'alias/a' })).check(call), failure('provider-denied'));
  t.same(signer(asked[0]), ['FROMENV', 'eu-north-1']);
});
t.test('without credentials in the URI: the shared files', async (t) => {
  const { endpoint, asked } = await listeningKms(t);
  const home = sdkEnvironment(t, { AWS_PROFILE: 'team' });
  const [config, credentials] = [join(home, 'config'), join(home, 'credentials')];
  writeFileSync(config, '[profile team]\nregion = eu-south-1\n');
  writeFileSync(credentials, '[team]\naws_access_key_id = FROMFILE\naws_secret_access_key = x\n');
  Object.assign(process.env, { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials });
  await t.rejects((await openTestKek(t, { endpoint, keyName: 'alias/a' })).check(call), failure('provider-denied'));
  t.same(signer(asked[0]), ['FROMFILE', 'eu-south-1']);
});
t.test('without credentials in the URI: the web identity of a Kubernetes service account', async (t) => {
  const { endpoint, asked } = await listeningKms(t);
  let form = '';
  const sts = await stubServer(t, async (request, response) => {
    form = Buffer.concat(await request.toArray()).toString();
    response.setHeader('content-type', 'text/xml');
    const credentials = `<AccessKeyId>FROMWEB</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration>`;
    response.end(
      `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>${credentials}</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
    );
  });
  const home = sdkEnvironment(t, {
    AWS_REGION: 'eu-west-1',
    AWS_ROLE_ARN: 'arn:aws:iam::1:role/r',
    AWS_ENDPOINT_URL_STS: sts,
  });
  process.env['AWS_WEB_IDENTITY_TOKEN_FILE'] = join(home, 'token');
  writeFileSync(join(home, 'token'), 'a.service-account.token');
  await t.rejects((await openTestKek(t, { endpoint, keyName: 'alias/a' })).check(call), failure('provider-denied'));
  t.same(signer(asked[0]), ['FROMWEB', 'eu-west-1']);
  t.match(form, /WebIdentityToken=a\.service-account\.token/);
});
t.test('without credentials in the URI: the role of the instance', async (t) => {
  const { endpoint, asked } = await listeningKms(t);
  const role = {
    Code: 'Success',
    AccessKeyId: 'FROMINSTANCE',
    SecretAccessKey: 'x',
    Token: 't',
    Expiration: new Date(Date.now() + 3_600_000).toISOString(),
  };
  const metadata = await stubServer(t, (request, response) => {
    const answers: Record<string, string> = {
      '/latest/api/token': 'token',
      '/latest/meta-data/iam/security-credentials/': 'my-role',
      '/latest/meta-data/iam/security-credentials/my-role': JSON.stringify(role),
    };
    response.end(answers[request.url ?? '']);
  });
  sdkEnvironment(t, {
    AWS_EC2_METADATA_DISABLED: 'false',
    AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata,
    AWS_REGION: 'eu-west-1',
  });
  await t.rejects((await openTestKek(t, { endpoint, keyName: 'alias/a' })).check(call), failure('provider-denied'));
  t.same(signer(asked[0]), ['FROMINSTANCE', 'eu-west-1']);
});
t.test('no credentials anywhere, and no region anywhere, are said to be missing', async (t) => {
  sdkEnvironment(t, {});
  const { endpoint, asked } = await listeningKms(t);
  const kek = await openTestKek(t, { endpoint, region: 'eu-west-1', keyName: 'alias/a' });
  await t.rejects(kek.check(call), failure('provider-credentials', /accessKeyID/));
  const nowhere = await openTestKek(t, { endpoint, keyName: 'alias/a', accessKeyID: 'ID', accessKey: 'x' });
  await t.rejects(nowhere.check(call), failure('wrong-region', /AWS_REGION/));
  const store = await openTestStore(t, { endpoint, bucket: 'b12', accessKeyID: 'ID', accessKey: 'x' });
  await t.rejects(store.check(call), failure('wrong-region', /AWS_REGION/));
  t.equal(asked.length, 0);
});
t.test('a metadata service that swallows the call costs the time limit at most', async (t) => {
  const metadata = await stubServer(t, () => {});
  sdkEnvironment(t, { AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata });
  const kek = await openTestKek(t, { endpoint: metadata, region: 'eu-west-1', keyName: 'alias/a' }, 50);
  await t.rejects(kek.check(call), failure('kms-timeout'));
});
t.test('a bucket is in the path at an endpoint of one’s own', async (t) => {
  let asked = '';
  const endpoint = await stubServer(t, (request, response) => {
    asked = request.url ?? '';
    response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
  });
  const host = endpoint.replace('127.0.0.1', 'localhost');
  const at = { region: 'eu-west-1', accessKeyID: 'ID', accessKey: 'x', bucket: 'b12' };
  await (await openTestStore(t, { ...at, endpoint: host })).read('a/b', call);
  t.match(asked, /^\/b12\/a\/b/);
});
