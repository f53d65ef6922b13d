import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { checkValue } from '../src/core/derive.ts';
import type { Services } from '../src/wiring.ts';
import { keyAdmin, motoQuery, newBucket, unique } from './providers/aws/aws.ts';
import { kmsAdmin } from './providers/gcp/fakes.ts';
import { emulators } from './support/emulators.ts';
import { failure } from './support/failure.ts';
import { testCall, testServices } from './support/services.ts';

const call = testCall();
const SECRETS = { env: { TEST_ACCESS_KEY: 'test' }, readFile: () => Promise.reject(new Error('no files here')) };
const uri = (scheme: string, query: Record<string, string>) =>
  `${scheme}?${Object.entries(query)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')}`;

async function checkOf(services: Services, id: string): Promise<string> {
  const { key } = await services.dataKeys.get({ id, length: 32, create: 'if-missing' }, call);
  const check = Buffer.from(checkValue(key)).toString('hex');
  key.dispose();
  return check;
}

t.test('data keys stay the same while they move from one cloud KMS to another', async (t) => {
  const env = await emulators(t, ['moto', 'gcp-kms']);
  if (env === undefined) return;
  const at = motoQuery(env);
  const aws = uri('kms://aws', { ...at, keyName: (await keyAdmin(t, env).create()).id });
  const storage = uri('storage://aws', await newBucket(t, at));
  const gcp = await newGcpKey(t, env['GCP_KMS_ENDPOINT'] ?? '');
  const open = (kms: string, former?: string) =>
    testServices(t, { kms, storage, kek: former === undefined ? {} : { former } }, { secrets: SECRETS });

  const before = await open(aws);
  const ids = Array.from({ length: 5 }, (_, n) => `pvc-${n}`);
  const wanted = await Promise.all(ids.map((id) => checkOf(before, id)));

  const between = await open(gcp, aws);
  t.same(await Promise.all(ids.map((id) => checkOf(between, id))), wanted);
  const report = await between.dataKeyJobs.rewrapAll({}, call);
  t.match(report, { done: ids.length, changed: ids.length, failed: 0 });

  const after = await open(gcp);
  t.same(await Promise.all(ids.map((id) => checkOf(after, id))), wanted);
  await t.rejects(checkOf(before, ids[0] as string), { name: 'KeysteadError' });
});

t.test('a service with a cache, limits and metrics serves from the cache, and counts', async (t) => {
  const services = await testServices(t, {
    kms: 'kms://cluster-kms?mode=wrap',
    cache: { ttl: 60, maxKeys: 10, offline: 0 },
  });
  const request = { id: 'a', length: 32, create: 'if-missing' } as const;
  const first = await services.dataKeys.get(request, call);
  const second = await services.dataKeys.get(request, call);
  t.equal(second.source, 'cache');
  t.ok(first.key.equals(second.key));
  first.key.dispose();
  second.key.dispose();
  const { body } = await services.metrics.exposition();
  t.match(body, 'keystead_data_keys_total{source="stored"} 1');
  t.match(body, 'keystead_data_keys_total{source="cache"} 1');
  t.match(
    body,
    /keystead_upstream_duration_seconds_count\{door="storage",provider="memory",operation="create",outcome="ok"\} \d/,
  );
  t.match(
    body,
    'keystead_upstream_duration_seconds_count{door="kms",provider="cluster-kms",operation="wrap",outcome="ok"} 1',
    'the wraps of the own KEK too',
  );
  t.match(body, 'keystead_policy_decisions_total{decision="deny"} 0', 'before the first one');
  const page = readFileSync(join(import.meta.dirname, '../docs/reference/metrics.md'), 'utf8');
  const documented = [...page.matchAll(/^\| `(keystead_\w+)`/gm)].map(([, name]) => name);
  const exposed = [...body.matchAll(/^# TYPE (keystead_\w+)/gm)].map(([, name]) => name);
  const withTls = 'keystead_tls_certificate_not_after_seconds';
  t.same(documented.filter((name) => name !== withTls).sort(), exposed.sort(), 'the page names them all');
});

t.test('what is missing for good stops the start; what is away does not', async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const at = motoQuery(env);
  const storage = uri('storage://aws', await newBucket(t, at));
  const open = (kms: string, store: string) => testServices(t, { kms, storage: store }, { secrets: SECRETS });
  await t.rejects(open(uri('kms://aws', { ...at, keyName: `alias/${unique('none')}` }), storage), failure('no-kek'));
  const key = uri('kms://aws', { ...at, keyName: (await keyAdmin(t, env).create()).id });
  await t.rejects(open(key, uri('storage://aws', { ...at, bucket: unique('none') })), failure('no-bucket'));
  const away = await open(uri('kms://aws', { ...at, keyName: 'alias/a', endpoint: 'http://127.0.0.1:9' }), storage);
  t.match(await away.system.status(call), { state: 'not-ready', reason: /kms/ });
});

async function newGcpKey(t: Test, address: string): Promise<string> {
  const admin = kmsAdmin(t, address);
  const parent = 'projects/p/locations/europe-west3';
  const keyRing = unique('ring');
  await admin.createKeyRing({ parent, keyRingId: keyRing, keyRing: {} });
  await admin.createCryptoKey({
    parent: `${parent}/keyRings/${keyRing}`,
    cryptoKeyId: 'k',
    cryptoKey: { purpose: 'ENCRYPT_DECRYPT' },
  });
  const place = { projectID: 'p', location: 'europe-west3', keyRing, keyName: 'k' };
  return uri('kms://gcp', { ...place, endpoint: `http://${address}` });
}
