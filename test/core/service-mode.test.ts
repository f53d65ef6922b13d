import t from 'tap';
import { serviceMode } from '../../src/core/service-mode.ts';
import { parseKmsUri, parseStorageUri } from '../../src/core/uri.ts';

const CLOUD_KMS = [
  'kms://aws?keyName=k',
  'kms://gcp?projectID=p&location=global&keyRing=r&keyName=k',
  'kms://azure?vaultName=v&vaultType=vault.azure.net&keyName=k',
];
const CLOUD_STORES = [
  'storage://aws?bucket=abc',
  'storage://gcp?projectID=p&bucket=abc',
  'storage://azure?account=abc&container=abc',
];
const mode = (kms: string, storage: string) => serviceMode(parseKmsUri(kms), parseStorageUri(storage));

t.test('the cluster KEK derives where nothing needs to be kept', async (t) => {
  for (const kms of ['kms://cluster-kms', 'kms://cluster-kms?mode=derive']) {
    t.equal(mode(kms, 'storage://no-store'), 'derive');
    t.equal(mode(kms, 'storage://memory'), 'derive');
  }
});

t.test('the cluster KEK wraps where it is told to, and has a store', async (t) => {
  for (const storage of ['storage://memory', ...CLOUD_STORES])
    t.equal(mode('kms://cluster-kms?mode=wrap', storage), 'wrap');
  t.throws(() => mode('kms://cluster-kms?mode=wrap', 'storage://no-store'), {
    reason: 'bad-config',
    message: /mode=wrap needs a store .* storage:\/\/no-store keeps nothing/,
  });
});

t.test('with a cloud store the mode of the cluster KEK is never guessed', async (t) => {
  for (const storage of CLOUD_STORES) {
    t.throws(() => mode('kms://cluster-kms', storage), {
      reason: 'bad-config',
      message: /give kms:\/\/cluster-kms\?mode=wrap/,
    });
    t.throws(() => mode('kms://cluster-kms?mode=derive', storage), {
      reason: 'bad-config',
      message: /mode=derive stores nothing, so storage:\/\/(aws|gcp|azure) would stay empty/,
    });
  }
});

t.test('a cloud KMS always wraps, and needs a store', async (t) => {
  for (const kms of CLOUD_KMS) {
    for (const storage of ['storage://memory', ...CLOUD_STORES]) t.equal(mode(kms, storage), 'wrap');
    t.throws(() => mode(kms, 'storage://no-store'), {
      reason: 'bad-config',
      message: /kms:\/\/(aws|gcp|azure) wraps data keys, and storage:\/\/no-store keeps nothing/,
    });
  }
});
