import t from 'tap';
import { kekRing } from '../../src/core/kek-ring.ts';
import { disposeSecrets, parseKmsUri } from '../../src/core/uri.ts';
import type { DataKey } from '../../src/data-keys/data-keys.ts';
import { storedDataKeyJobs } from '../../src/data-keys/jobs.ts';
import { storedDataKeys } from '../../src/data-keys/stored.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { openKek } from '../../src/providers/open.ts';
import { CLOUDS } from '../support/clouds.ts';
import { failure } from '../support/failure.ts';
import { testAmbient, testCall } from '../support/services.ts';

const call = testCall();
const { random, clock } = testAmbient();
const hex = ({ key }: DataKey) => Buffer.from(key.expose()).toString('hex');

t.test('data keys move from cloud to cloud, and none of them changes', { timeout: 390_000 }, async (t) => {
  const store = memoryStore();
  const clouds = [await CLOUDS.aws(t), await CLOUDS.gcp(t), await CLOUDS.azure(t)];
  const keks = [];
  for (const cloud of clouds) {
    if (cloud === undefined) return;
    const uri = parseKmsUri(cloud.kms);
    const secrets = { env: {}, readFile: () => Promise.reject(new Error('no files here')) };
    const { kek } = await openKek(uri, { random, secrets });
    disposeSecrets(uri);
    t.teardown(() => kek.close());
    keks.push(kek);
  }
  const [aws, gcp, azure] = keks;
  if (aws === undefined || gcp === undefined || azure === undefined) return;
  const under = (kek: typeof aws) => storedDataKeys({ kek, store, random, clock });
  // Also one so long that AWS and Cloud KMS cannot wrap it by itself.
  const lengths = { short: 15, usual: 32, long: 8160 };
  const keys = new Map<string, string>();
  for (const [id, length] of Object.entries(lengths)) {
    keys.set(id, hex(await under(aws).get({ id, length, create: 'must' }, call)));
    await under(aws).rotate(id, call);
  }
  for (const [from, to] of [
    [aws, gcp],
    [gcp, azure],
    [azure, aws],
  ] as const) {
    await t.rejects(
      under(kekRing(to, [])).get({ id: 'usual', length: 32, create: 'never' }, call),
      failure('unknown-kek'),
    );
    const jobs = storedDataKeyJobs({ kek: kekRing(to, [from]), store, random, clock });
    t.match(await jobs.rewrapAll({}, call), { done: 3, changed: 3, failed: 0 });
    const alone = kekRing(to, []);
    for (const [id, length] of Object.entries(lengths)) {
      t.equal(hex(await under(alone).get({ id, length, version: 1, create: 'never' }, call)), keys.get(id));
    }
    t.match(await storedDataKeyJobs({ kek: alone, store, random, clock }).verifyAll({}, call), { done: 3, failed: 0 });
    t.match((await jobs.census({}, call)).keks, [{ kek: to.uri, records: 3, versions: 6 }]);
  }
});
