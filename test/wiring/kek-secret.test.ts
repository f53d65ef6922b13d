import t, { type Test } from 'tap';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import type { Ambient } from '../../src/wiring/ambient.ts';
import { kekOf } from '../conformance/kek-place.ts';
import { failure } from '../support/failure.ts';
import { openSecrets } from '../support/fake-secrets.ts';
import { type ConfigChanges, testCall, testServices } from '../support/services.ts';

const call = testCall();
const get = { id: 'x', length: 32, create: 'if-missing' } as const;

async function scene(t: Test) {
  const server = await openSecrets(t);
  const dir = t.testdir({ ca: '', token: 'mine' });
  const kubernetes = { url: server.url, caFile: `${dir}/ca`, tokenFile: `${dir}/token` };
  const replica = (kek: ConfigChanges['kek'] = {}, more: ConfigChanges = {}, ambient: Partial<Ambient> = {}) =>
    testServices(t, { kek: { secret: 'keystead/kek', ...kek }, kubernetes, ...more }, ambient);
  return { server, replica };
}

const inBase64 = (name: string) => {
  const { masterSecret, salt } = kekOf(name);
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return { mastersecret: text(masterSecret.expose()), salt: text(salt.expose()) };
};
const soon = async (found: () => Promise<boolean>) => {
  while (!(await found())) await new Promise((resolve) => setTimeout(resolve, 20));
};

t.test('a replica that was bootstrapped unseals the others, and those that start later', async (t) => {
  const { server, replica } = await scene(t);
  const [one, two] = [await replica(), await replica()];
  t.match(await two.system.status(call), { state: 'sealed', kek: undefined });
  const info = await one.system.bootstrap({ generate: true }, call);
  await soon(async () => (await two.system.status(call)).state === 'ready');
  const three = await replica();
  for (const service of [one, two, three]) t.match(await service.system.status(call), { state: 'ready', kek: info });
  const keys = await Promise.all([one, two, three].map((service) => service.dataKeys.get(get, call)));
  for (const { key } of keys) t.ok(key.equals(keys[0]?.key as typeof key));
  t.equal(server.asked.filter((line) => line.startsWith('POST')).length, 1);
});

t.test(
  'a replica refuses to serve while the Secret is another, and to start when it is not the pinned one',
  async (t) => {
    const { server, replica } = await scene(t);
    server.put('kek', inBase64('a'));
    const service = await replica();
    const { key } = await service.dataKeys.get(get, call);
    const fingerprint = (await service.system.status(call)).kek?.fingerprint as string;
    server.put('kek', inBase64('b'));
    await soon(async () => (await service.system.status(call)).state === 'not-ready');
    t.match(await service.system.status(call), { reason: /the Secret keystead\/kek is not the KEK of this service/ });
    await t.rejects(service.dataKeys.get(get, call), failure('fingerprint-mismatch'));
    await t.rejects(replica({ fingerprint }), failure('fingerprint-mismatch'));
    server.put('kek', inBase64('a'));
    await soon(async () => (await service.system.status(call)).state === 'ready');
    t.ok((await service.dataKeys.get(get, call)).key.equals(key));
  },
);

t.test('an API server that is away or forbids leaves a service sealed, with the reason, until it is not', async (t) => {
  const { server, replica } = await scene(t);
  server.put('kek', inBase64('a'));
  server.denied.add('get');
  const service = await replica();
  await soon(async () => /see its Role/.test((await service.system.status(call)).reason ?? ''));
  t.match(await service.system.status(call), { state: 'sealed' });
  server.denied.clear();
  await soon(async () => (await service.system.status(call)).state === 'ready');
});

t.test(
  'a Secret that is removed or cannot be seen any more stops no key, and stands in status and metrics',
  async (t) => {
    const { server, replica } = await scene(t);
    server.put('kek', inBase64('a'));
    const metrics = openMetrics();
    const service = await replica({}, {}, { metrics });
    const { key } = await service.dataKeys.get(get, call);
    const shows = async (state: string, problem: RegExp | undefined) => {
      await soon(async () => (await service.system.status(call)).kekSecret?.state === state);
      t.match(await service.system.status(call), {
        state: 'ready',
        reason: undefined,
        kekSecret: { name: 'the Secret keystead/kek', state, problem },
      });
      const { body } = await metrics.exposition();
      t.match(body, new RegExp(`^keystead_kek_secret_failing ${problem === undefined ? 0 : 1}$`, 'm'));
      t.ok((await service.dataKeys.get(get, call)).key.equals(key));
    };
    await shows('held', undefined);
    server.put('kek', undefined);
    await shows('absent', /the Secret keystead\/kek is gone: a restarted service will be sealed/);
    server.put('kek', inBase64('a'));
    await shows('held', undefined);
    server.denied.add('get');
    server.endWatches();
    await shows('unseen', /does not let the service get the Secret keystead\/kek \(403\); see its Role/);
    server.denied.clear();
    await shows('held', undefined);
  },
);

t.test('a Secret that is no master secret, and a KEK that is given twice, stop the start', async (t) => {
  const { server, replica } = await scene(t);
  server.put('kek', { mastersecret: 'AAAA', salt: '' });
  await t.rejects(replica(), failure('bad-master-secret', /mastersecret in the Secret keystead\/kek is 3 bytes long/));
  await t.rejects(replica({ dir: '/nowhere' }), failure('bad-config', /twice: in kek\.dir and in kek\.secret/));
  const elsewhere = { kms: 'kms://aws?keyName=a&region=eu-west-1', storage: 'storage://memory' };
  await t.rejects(replica({}, elsewhere), failure('bad-config', /kek\.secret is for kms:\/\/cluster-kms/));
});

t.test('nothing of the KEK is told', async (t) => {
  const { server, replica } = await scene(t);
  server.put('kek', inBase64('a'));
  const service = await replica();
  const told = JSON.stringify(await service.system.status(call));
  for (const secret of Object.values(inBase64('a'))) t.notMatch(told, secret);
});
