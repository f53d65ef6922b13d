import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { readSmallFile } from '../../../src/config/read-small-file.ts';
import type { Clock } from '../../../src/core/clock.ts';
import type { KekPlace, KekSight } from '../../../src/core/kek-place.ts';
import { kubernetesApi } from '../../../src/providers/kubernetes/api.ts';
import { kekSecret } from '../../../src/providers/kubernetes/kek-secret.ts';
import { kekOf, kekPlaceSuite } from '../../conformance/kek-place.ts';
import { failure } from '../../support/failure.ts';
import { openSecrets } from '../../support/fake-secrets.ts';
import { testCall } from '../../support/services.ts';

const call = testCall();
/** Time that passes twenty times as fast. */
const HASTY: Clock = { now: () => new Date(), sleep: (ms, signal) => sleep(ms / 20, undefined, { signal }) };

async function scene(t: Test) {
  const server = await openSecrets(t);
  const api = kubernetesApi({ url: server.url, timeoutMs: 5000, readFile: readSmallFile });
  const place = kekSecret({ api, namespace: 'keystead', secret: 'kek', clock: HASTY });
  return {
    server,
    place,
    put: async (data: Record<string, Uint8Array> | undefined) => server.put('kek', inBase64(data)),
  };
}

const inBase64 = (data: Record<string, Uint8Array> | undefined) =>
  data &&
  Object.fromEntries(Object.entries(data).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]));

kekPlaceSuite(t, scene);

t.test('the Secret is immutable, and its bytes are raw', async (t) => {
  const { server, place } = await scene(t);
  const kek = kekOf('a');
  await place.create(kek, call);
  t.same(server.data, inBase64({ mastersecret: kek.masterSecret.expose(), salt: kek.salt.expose() }));
  t.ok(server.immutable);
  t.same(server.asked, ['POST /api/v1/namespaces/keystead/secrets']);
});

t.test('one Secret alone is asked for, so that a Role can name it', async (t) => {
  const { server, place } = await scene(t);
  const { watch, until } = watched(t, place);
  await until(() => server.asked.length === 2);
  await watch.close();
  t.match(server.asked, [
    'GET /api/v1/namespaces/keystead/secrets/kek',
    /^GET \/api\/v1\/namespaces\/keystead\/secrets\?fieldSelector=metadata\.name%3Dkek&watch=1&timeoutSeconds=60$/,
  ]);
});

t.test('what is forbidden is said with its verb and with what to look at', async (t) => {
  const { server, place } = await scene(t);
  for (const [verb, work] of [
    ['get', () => place.read(call)],
    ['create', () => place.create(kekOf('a'), call)],
  ] as const) {
    server.denied = new Set([verb]);
    const text = new RegExp(`does not let the service ${verb} the Secret keystead/kek \\(403\\); see its Role`);
    await t.rejects(async () => void (await work()), failure('kek-secret-unreachable', text));
  }
});

t.test('a watch outlives an API server that ends it, fails and forbids', async (t) => {
  const { server, place, put } = await scene(t);
  const { until, kinds } = watched(t, place);
  // A watch that has not begun cannot be ended, and would go on for its minute.
  await until(() => kinds().length === 1 && server.watches === 1);
  server.endWatches();
  await until(() => kinds().length === 2 && server.watches === 1);
  server.away = true;
  server.endWatches();
  await until(() => kinds().at(-1) === 'away');
  server.away = false;
  server.denied.add('watch');
  await put({ mastersecret: kekOf('a').masterSecret.expose(), salt: kekOf('a').salt.expose() });
  await until(() => kinds().includes('kek'));
});

t.test('what whoever looks throws is told, and there is another look', async (t) => {
  const { place } = await scene(t);
  const sights: KekSight[] = [];
  const watch = place.watch(async (sight) => {
    sights.push(sight);
    if (sights.length === 1) throw new Error('not now');
  });
  t.teardown(() => watch.close());
  while (sights.length < 3) await new Promise((resolve) => setImmediate(resolve));
  t.match(sights, [{ absent: true }, { away: failure('unexpected') }, { absent: true }]);
});

/** What is seen of a place, as it comes. */
function watched(t: Test, place: KekPlace) {
  const sights: KekSight[] = [];
  const watch = place.watch(async (sight) => void sights.push(sight));
  t.teardown(() => watch.close());
  const until = async (found: () => boolean) => {
    while (!found()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { watch, until, kinds: () => sights.map((sight) => Object.keys(sight)[0]) };
}
