import { DecryptCommand, type DecryptCommandInput, KMSClient } from '@aws-sdk/client-kms';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { dataKeyContext } from '../src/core/context.ts';
import { fencedKek } from '../src/core/fenced-kek.ts';
import type { Kek } from '../src/core/kek.ts';
import { kekThrough, type Passage, storeThrough } from '../src/core/passage.ts';
import type { WrappedKeyStore } from '../src/core/store.ts';
import { readRecord } from '../src/core/wrapped-record.ts';
import { cachedDataKeys } from '../src/data-keys/cached.ts';
import type { DataKeys } from '../src/data-keys/data-keys.ts';
import { derivedDataKeys } from '../src/data-keys/derived.ts';
import { recordName } from '../src/data-keys/record-name.ts';
import { singleFlight } from '../src/data-keys/single-flight.ts';
import { storedDataKeys } from '../src/data-keys/stored.ts';
import { memoryStore } from '../src/providers/memory/store.ts';
import { bucketAdmin, keyAdmin, motoQuery, newBucket, openTestKek, openTestStore } from '../test/providers/aws/aws.ts';
import { openClusterKek } from '../test/support/cluster-kek.ts';
import { emulators } from '../test/support/emulators.ts';
import { testAmbient, testCall } from '../test/support/services.ts';
import { httpLoad, jsonPost } from './support/http-load.ts';
import { interleaved, type Row, ratioRow } from './support/measure.ts';
import { keystead } from './support/service.ts';

const ID = 'pvc-0f3a1c2e-5b6d-4e7f-8a9b-0c1d2e3f4a5b';
const CREATES = 1000;
const CONCURRENCY = 32;
/** What a stored get may cost beside the two calls upstream that it must make. */
const MAX_COST = 1.15;
const call = testCall();
const ask = (id: string) => ({ id, length: 32, create: 'if-missing' }) as const;

/** (f) Stored and cached data keys. The emulator of AWS is needed for the first two rows. */
export async function benchStored(): Promise<Row[]> {
  const teardowns: (() => unknown)[] = [];
  const t = {
    teardown: (undo: () => unknown) => teardowns.push(undo),
    plan: (_n: number, why?: string) => process.stderr.write(`skipped: ${why}\n`),
  };
  try {
    const env = await emulators(t, ['moto']);
    const rows = [await cachedRow(t)];
    if (env === undefined) return rows;
    const { id: keyName } = await keyAdmin(t, env).create();
    const bucket = await newBucket(t, motoQuery(env));
    const kek = { ...motoQuery(env), keyName };
    return [await storedRow(t, kek, bucket), await countRow(t, kek, bucket), ...rows];
  } finally {
    for (const undo of teardowns.reverse()) await undo();
  }
}

type Teardown = { teardown(undo: () => unknown): unknown };
type Query = Record<string, string>;

/** A get over HTTP of a key that is stored, beside the same two requests made by the SDK alone. */
async function storedRow(t: Teardown, kek: Query, bucket: Query): Promise<Row> {
  const uri = (scheme: string, query: Query) =>
    `${scheme}://aws?${new URLSearchParams({ ...query, accessKey: 'test' }).toString().replaceAll('+', '%20')}`;
  const service = await keystead('--kms', uri('kms', kek), '--storage', uri('storage', bucket));
  t.teardown(() => service.stop());
  const get = jsonPost(`/v1/data-keys/${ID}/get`, { length: 32 });
  await httpLoad(service.http, get, 1, 0);
  const store = await openTestStore(t, bucket);
  const { bytes } = (await store.read(recordName(ID), call)) as { bytes: Uint8Array };
  const record = readRecord(bytes, ID);
  const wrapped = 'versions' in record ? record.versions[0].wrapped : undefined;
  const decrypt: DecryptCommandInput = {
    KeyId: kek['keyName'] as string,
    CiphertextBlob: wrapped?.bytes,
    EncryptionContext: dataKeyContext(ID, 1, 32),
  };
  const bare = bareCalls(t, kek, bucket, decrypt);
  const rates = await interleaved([
    { name: 'ours', run: (seconds) => httpLoad(service.http, get, 1, seconds) },
    { name: 'bare', run: (seconds) => rateOfAsync(bare, seconds) },
  ]);
  const [ours, beside] = [1000 / (rates.get('ours') as number), 1000 / (rates.get('bare') as number)];
  const ratio = ours / beside;
  return {
    what: '(f) stored get over HTTP, one caller',
    ours: `${ours.toFixed(1)} ms`,
    baseline: `GetObject and Decrypt by the SDK ${beside.toFixed(1)} ms`,
    ratio: ratio.toFixed(2),
    target: `≤ ${MAX_COST}${ratio <= MAX_COST ? '' : ' (missed)'}`,
  };
}

function bareCalls(t: Teardown, kek: Query, bucket: Query, decrypt: DecryptCommandInput): () => Promise<void> {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const kms = new KMSClient({ endpoint: kek['endpoint'] as string, region: kek['region'] as string, credentials });
  t.teardown(() => kms.destroy());
  const s3: S3Client = bucketAdmin(t, bucket);
  const object = { Bucket: bucket['bucket'] as string, Key: recordName(ID) };
  return async () => {
    await (await s3.send(new GetObjectCommand(object))).Body?.transformToByteArray();
    await kms.send(new DecryptCommand(decrypt));
  };
}

/** First calls for many ids, the calls upstream counted. */
async function countRow(t: Teardown, kekQuery: Query, bucket: Query): Promise<Row> {
  const patience = 60_000;
  const counts = new Map<string, number>();
  const counting: Passage = ({ operation, work }) => {
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
    return work();
  };
  const { random, clock } = testAmbient();
  const kek: Kek = fencedKek(kekThrough(await openTestKek(t, kekQuery, patience), counting), { random, clock });
  const store: WrappedKeyStore = storeThrough(await openTestStore(t, bucket, patience), counting);
  await kek.check(call); // as the service does at start
  counts.clear();
  const dataKeys = singleFlight(storedDataKeys({ kek, store, random, clock }));
  const begin = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < CREATES) (await dataKeys.get(ask(`first-${next++}`), call)).key.dispose();
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const rate = CREATES / ((performance.now() - begin) / 1000);
  const each = (operation: string) => (counts.get(operation) ?? 0) / CREATES;
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0) / CREATES;
  return {
    what: `(f) calls upstream for each of ${CREATES} first gets, ${CONCURRENCY} at once (${rate.toFixed(0)}/s)`,
    ours: `${each('wrap')} wrap, ${each('create')} create, ${each('read')} read, ${each('unwrap')} unwrap`,
    baseline: 'one of each, and the read that finds nothing',
    ratio: (all / 5).toFixed(2),
    target: `≤ 1${all <= 5 ? '' : ' (missed)'}`,
  };
}

/** A get out of the cache beside a derived one, both in this process and without the guard. */
async function cachedRow(t: Teardown): Promise<Row> {
  const { random, clock } = testAmbient();
  const kek = await openClusterKek(t);
  const stored = storedDataKeys({ kek, store: memoryStore(), random, clock });
  const cached = cachedDataKeys(stored, { ttlMs: 600_000, maxKeys: 1000, offlineMs: 0 }, clock);
  t.teardown(() => cached.close());
  const get = (dataKeys: DataKeys) => async () => (await dataKeys.get(ask(ID), call)).key.dispose();
  const derived = derivedDataKeys({ kek });
  const rates = await interleaved([
    { name: 'cached', run: (seconds) => rateOfAsync(get(cached), seconds) },
    { name: 'derived', run: (seconds) => rateOfAsync(get(derived), seconds) },
  ]);
  return ratioRow(
    '(f) cached get, in process',
    rates.get('cached') as number,
    rates.get('derived') as number,
    'derived get',
    0.8,
  );
}

/** Calls one after the other for about `seconds`, answers calls a second. */
async function rateOfAsync(work: () => Promise<unknown>, seconds: number): Promise<number> {
  const begin = performance.now();
  let calls = 0;
  while (performance.now() - begin < seconds * 1000) {
    await work();
    calls++;
  }
  return calls / ((performance.now() - begin) / 1000);
}
