import t, { type Test } from 'tap';
import { disposeSecrets, parseParametersUri } from '../../../src/core/uri.ts';
import { openParameters } from '../../../src/providers/open.ts';
import { parametersSuite } from '../../conformance/parameters.ts';
import { emulators } from '../../support/emulators.ts';
import { failure } from '../../support/failure.ts';
import { uriText } from '../../support/opened-doors.ts';
import { testCall } from '../../support/services.ts';
import { deadAddress, keyAdmin, motoQuery, secrets, stubServer, unique } from './aws.ts';

const call = testCall();
// The runner's own limit still holds.
t.setTimeout(0);

async function openStore(t: Test, query: Record<string, string>) {
  const uri = parseParametersUri(uriText('parameters://aws', query));
  try {
    const store = await openParameters(uri, { secrets });
    t.teardown(() => store.close());
    return store;
  } finally {
    disposeSecrets(uri);
  }
}

t.test('on moto', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const query = motoQuery(env);
  const admin = keyAdmin(t, env);
  const key = `alias/${unique('store')}`;
  await admin.alias(key, (await admin.create()).id);

  t.test('the parameter store keeps the contract', { timeout: 390_000 }, async (t) => {
    parametersSuite(t, async (t) => ({ store: await openStore(t, query), path: `/${unique('ks')}/`, key }));
  });
  t.test('its URI says where it is, and no credentials', async (t) => {
    const { uri } = await openStore(t, query);
    t.match(uri, /^parameters:\/\/aws\?region=eu-west-1&endpoint=/);
    t.notMatch(uri, /accessKey/);
  });
});

t.test('what AWS refuses has one name, and the parameter', async (t) => {
  const url = await stubServer(t, (_request, response) => {
    response.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' });
    response.end('{"__type":"InvalidKeyId","message":"hunter2"}');
  });
  const store = await openStore(t, { ...motoQuery({ AWS_ENDPOINT_URL: url }) });
  const { SecretBytes } = await import('../../../src/core/secret-bytes.ts');
  const parameter = {
    value: SecretBytes.own(Buffer.from('hunter2')),
    type: 'SecureString' as const,
    key: 'alias/none',
  };
  const refused = store.apply([{ kind: 'put', place: '/a/b', parameter }], call);
  await t.rejects(refused, failure('no-kek', /parameter \/a\/b: the KMS key/));
  await t.rejects(store.read(['/a/b'], new Set(), call), { message: /^(?!.*hunter2)/ });
});

t.test('a store that is away is store-unreachable', async (t) => {
  const store = await openStore(t, motoQuery({ AWS_ENDPOINT_URL: await deadAddress() }));
  await t.rejects(store.list('/a/', call), failure('store-unreachable'));
});
