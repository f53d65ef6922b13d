import t from 'tap';
import { upstreamAddress } from '../../src/core/upstream-address.ts';
import { disposeSecrets, parseKmsUri, parseStorageUri } from '../../src/core/uri.ts';

function addressOf(text: string, env: Record<string, string> = {}): string | undefined {
  const uri = text.startsWith('kms') ? parseKmsUri(text) : parseStorageUri(text);
  disposeSecrets(uri);
  return upstreamAddress(uri, env)?.origin;
}

t.test('every cloud URI says where its calls go', async (t) => {
  const gcp = 'projectID=p1&location=global&keyRing=r&keyName=k';
  const rows: readonly [string, string][] = [
    ['kms://aws?keyName=alias/a&region=eu-west-1', 'https://kms.eu-west-1.amazonaws.com'],
    ['kms://aws?keyName=alias/a&region=cn-north-1', 'https://kms.cn-north-1.amazonaws.com.cn'],
    ['kms://aws?keyName=arn:aws:kms:us-east-2:111122223333:key/a', 'https://kms.us-east-2.amazonaws.com'],
    ['kms://aws?keyName=a&endpoint=http://127.0.0.1:5000', 'http://127.0.0.1:5000'],
    [`kms://gcp?${gcp}`, 'https://cloudkms.googleapis.com'],
    [`kms://gcp?${gcp}&endpoint=http://127.0.0.1:5001`, 'http://127.0.0.1:5001'],
    ['kms://azure?vaultName=v1&vaultType=managedhsm.azure.net&keyName=k', 'https://v1.managedhsm.azure.net'],
    ['kms://azure?vaultName=v1&vaultType=vault.azure.net&keyName=k&endpoint=https://a:1', 'https://a:1'],
    ['storage://aws?bucket=bbb&region=eu-west-1', 'https://s3.eu-west-1.amazonaws.com'],
    ['storage://gcp?projectID=p1&bucket=bbb', 'https://storage.googleapis.com'],
    ['storage://azure?account=acc&container=con', 'https://acc.blob.core.windows.net'],
    ['storage://azure?account=acc&container=con&endpoint=https://127.0.0.1:2/acc', 'https://127.0.0.1:2'],
  ];
  for (const [uri, address] of rows) t.equal(addressOf(uri), address, uri);
});

t.test('the variables of the SDKs count where the URI says nothing', async (t) => {
  t.equal(addressOf('kms://aws?keyName=a', { AWS_REGION: 'eu-west-3' }), 'https://kms.eu-west-3.amazonaws.com');
  t.equal(
    addressOf('storage://aws?bucket=bbb', { AWS_DEFAULT_REGION: 'eu-west-3' }),
    'https://s3.eu-west-3.amazonaws.com',
  );
  const both = { AWS_ENDPOINT_URL: 'http://a:1', AWS_ENDPOINT_URL_S3: 'http://b:2' };
  t.equal(addressOf('kms://aws?keyName=a', both), 'http://a:1');
  t.equal(addressOf('storage://aws?bucket=bbb', both), 'http://b:2');
  t.equal(addressOf('storage://gcp?projectID=p1&bucket=bbb', { STORAGE_EMULATOR_HOST: 'http://c:3' }), 'http://c:3');
  t.equal(addressOf('storage://gcp?projectID=p1&bucket=bbb', { STORAGE_EMULATOR_HOST: 'no url' }), undefined);
});

t.test('what is in this process, or known to the SDK alone, has no address', async (t) => {
  for (const uri of ['kms://cluster-kms', 'storage://memory', 'storage://no-store', 'kms://aws?keyName=a']) {
    t.equal(addressOf(uri), undefined, uri);
  }
});
