import t from 'tap';
import { derivedDataKeys } from '../../src/data-keys/derived.ts';
import { dataKeysSuite } from '../conformance/data-keys.ts';
import { openClusterKek, sealedClusterKek } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { recordedSecrets } from '../support/recorded-secrets.ts';
import { testCall } from '../support/services.ts';

const call = testCall();

dataKeysSuite(t, async (t) => derivedDataKeys({ kek: await openClusterKek(t) }));

t.test('every id is there without having been created, in every length', async (t) => {
  const dataKeys = derivedDataKeys({ kek: await openClusterKek(t) });
  const short = await dataKeys.get({ id: 'a', length: 16, create: 'never' }, call);
  const long = await dataKeys.get({ id: 'a', length: 64, create: 'if-missing' }, call);
  t.match(short, { id: 'a', version: 1, created: false, source: 'derived' });
  t.same([...short.key.expose()], [...long.key.expose().subarray(0, 16)]);
  t.match(await dataKeys.describe('a', call), {
    id: 'a',
    version: 1,
    source: 'derived',
    kek: 'kms://cluster-kms',
    kekVersion: '1',
  });
});

t.test('so it cannot be created', async (t) => {
  const dataKeys = derivedDataKeys({ kek: await openClusterKek(t) });
  await t.rejects(dataKeys.get({ id: 'a', length: 32, create: 'must' }, call), failure('data-key-exists'));
});

t.test('nothing is kept, so the list is empty', async (t) => {
  const dataKeys = derivedDataKeys({ kek: await openClusterKek(t) });
  await dataKeys.get({ id: 'a', length: 32, create: 'if-missing' }, call);
  t.same(await dataKeys.list('', undefined, 10, call), { items: [] });
});

t.test('a key that is not given is wiped', async (t) => {
  const dataKeys = derivedDataKeys({ kek: await openClusterKek(t) });
  const made = recordedSecrets(t);
  await t.rejects(dataKeys.get({ id: 'a', length: 32, version: 2, create: 'never' }, call), failure('no-version'));
  for (const secret of made) t.ok(secret.disposed);
});

t.test('everything waits for the KEK', async (t) => {
  const dataKeys = derivedDataKeys({ kek: sealedClusterKek(t) });
  await t.rejects(dataKeys.get({ id: 'a', length: 32, create: 'never' }, call), failure('sealed'));
  await t.rejects(dataKeys.describe('a', call), failure('sealed'));
  await t.rejects(dataKeys.list('', undefined, 10, call), failure('sealed'));
});
