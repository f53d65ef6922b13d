import { DecryptCommand, type DecryptCommandInput, KMSClient } from '@aws-sdk/client-kms';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { dataKeyContext } from '../src/core/context.ts';
import { readRecord } from '../src/core/wrapped-record.ts';
import { cachedDataKeys } from '../src/data-keys/cached.ts';
import type { DataKeys } from '../src/data-keys/data-keys.ts';
import { derivedDataKeys } from '../src/data-keys/derived.ts';
import { recordName } from '../src/data-keys/record-name.ts';
import { storedDataKeys } from '../src/data-keys/stored.ts';
import { memoryStore } from '../src/providers/memory/store.ts';
import { bucketAdmin, keyAdmin, motoQuery, newBucket, openTestKek, openTestStore } from '../test/providers/aws/aws.ts';
import { openClusterKek } from '../test/support/cluster-kek.ts';
import { emulators } from '../test/support/emulators.ts';
import { testAmbient, testCall } from '../test/support/services.ts';
import { firstGetRows } from './first-gets.ts';
import { rewrapEmulatorRow, rewrapMemoryRow } from './rewrap.ts';
import { httpLoad, jsonPost } from './support/http-load.ts';
import { interleaved, type Row, ratioRow } from './support/measure.ts';
import { keystead } from './support/service.ts';

const ID = 'pvc-0f3a1c2e-5b6d-4e7f-8a9b-0c1d2e3f4a5b';
/** Of calls that the emulator answers, a thousand at a time, on a machine that others use too. */
const PATIENCE_MS = 60_000;
/** What a stored get may cost beside the two calls upstream that it must make. */
const MAX_COST = 1.15;
const call = testCall();
const ask = (id: string) => ({ id, length: 32, create: 'if-missing' }) as const;

/** (f) Stored and cached data keys. The emulator of AWS is needed for the first rows. */
export async function benchStored(): Promise<Row[]> {
  const teardowns: (() => unknown)[] = [];
  const t = {
    teardown: (undo: () => unknown) => teardowns.push(undo),
    plan: (_n: number, why?: string) => process.stderr.write(`skipped: ${why}\n`),
  };
  try {
    const local = [...(await cachedHttpRows(t)), await cachedRow(t), await rewrapMemoryRow()];
    const env = await emulators(t, ['moto']);
    return env === undefined ? local : [...(await emulatorRows(t, env)), ...local];
  } finally {
    for (const undo of teardowns.reverse()) await undo();
  }
}

type Teardown = { teardown(undo: () => unknown): unknown };
type Query = Record<string, string>;

async function emulatorRows(t: Teardown, env: Record<string, string>): Promise<Row[]> {
  const at = motoQuery(env);
  const newKey = async () => ({ ...at, keyName: (await keyAdmin(t, env).create()).id });
  const newStore = async () => openTestStore(t, await newBucket(t, at), PATIENCE_MS);
  const key = await newKey();
  const kek = await openTestKek(t, key, PATIENCE_MS);
  const other = await openTestKek(t, await newKey(), PATIENCE_MS);
  return [
    await storedRow(t, key, await newBucket(t, at)),
    ...(await firstGetRows(kek, await newStore())),
    await rewrapEmulatorRow(kek, other, await newStore()),
  ];
}

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
  const contenders = [
    { name: 'ours', run: (seconds: number) => httpLoad(service.http, get, 1, seconds) },
    { name: 'bare', run: (seconds: number) => rateOfAsync(bare, seconds) },
  ];
  // Both are slow until their code is compiled.
  for (const { run } of contenders) await run(3);
  // Many short rounds: an emulator's latency drifts more than anything else here.
  const rates = await interleaved(contenders, 15, 0.5);
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

/** A get out of the cache beside a derived one, over HTTP: two services that differ in nothing else. */
async function cachedHttpRows(t: Teardown): Promise<Row[]> {
  const wrap = ['--kms', 'kms://cluster-kms?mode=wrap', '--storage', 'storage://memory', '--cache-ttl', '3600'];
  const cached = await keystead(...wrap);
  t.teardown(() => cached.stop());
  const derived = await keystead();
  t.teardown(() => derived.stop());
  const path = `/v1/data-keys/${ID}/get`;
  const get = jsonPost(path, { length: 32 });
  await httpLoad(cached.http, get, 1, 0);
  const source = await sourceOf(cached.http, path);
  if (source !== 'cache') throw new Error(`the key did not come out of the cache, but is ${source}`);
  const rows: Row[] = [];
  for (const concurrency of [1, 16]) {
    const rates = await interleaved([
      { name: 'cached', run: (seconds) => httpLoad(cached.http, get, concurrency, seconds) },
      { name: 'derived', run: (seconds) => httpLoad(derived.http, get, concurrency, seconds) },
    ]);
    const [ours, beside] = [rates.get('cached') as number, rates.get('derived') as number];
    rows.push(ratioRow(`(f) cached get over HTTP, concurrency ${concurrency}`, ours, beside, 'derived get', 0.8));
  }
  return rows;
}

async function sourceOf(port: number, path: string): Promise<unknown> {
  const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"length":32}' };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return ((await answer.json()) as { source?: unknown }).source;
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
