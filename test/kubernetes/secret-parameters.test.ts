import { join } from 'node:path';
import t from 'tap';
import { readSmallFile } from '../../src/config/read-small-file.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { KeyManager } from '../../src/key-manager/key-manager.ts';
import type { SecretKeyValue } from '../../src/key-manager/secret-key-value.ts';
import { watchKey } from '../../src/key-manager/watch-key.ts';
import { openParameters } from '../../src/providers/open.ts';
import { openParameterSource } from '../../src/wiring/key-manager.ts';
import { parametersSuite } from '../conformance/parameters.ts';
import { failure } from '../support/failure.ts';
import { kubernetes } from '../support/kubernetes.ts';
import { uriText } from '../support/opened-doors.ts';
import { testCall } from '../support/services.ts';
import { clusterAdmin } from './support/cluster-admin.ts';

const call = testCall();

t.setTimeout(0);

t.test('a Secret of a real API server keeps the contract of parameter stores', { timeout: 390_000 }, async (t) => {
  const cluster = await kubernetes(t);
  if (cluster === undefined) return;
  const namespace = 'parameters';
  await cluster.ask('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
  const token = await clusterAdmin(cluster, namespace, 'writer');
  const tokenFile = join(t.testdir({ token }), 'token');
  const open = (secret: string, files = { caFile: cluster.caFile, tokenFile }) =>
    openParameters(
      { scheme: 'parameters', provider: 'kubernetes', namespace, secret, server: cluster.url, ...files },
      { secrets: { env: {}, readFile: (path) => readSmallFile(path, 64 * 1024) } },
    );
  let count = 0;

  await t.test('as every store', async (t) => {
    parametersSuite(t, async () => ({ store: await open(`s${++count}`), path: '/a/' }));
  });

  await t.test('labels, type and other keys of the Secret stay', async (t) => {
    const all = `/api/v1/namespaces/${namespace}/secrets`;
    const metadata = { name: 'mine', labels: { app: 'shop' } };
    await cluster.ask('POST', all, { metadata, type: 'example.org/mine', stringData: { other: 'x' } });
    const store = await open('mine');
    const place = store.place('/a/', 'db/password');
    t.equal(place, 'db.password');
    const parameter = { value: SecretBytes.own(Buffer.from('secret')) };
    await store.apply([{ kind: 'put', place, parameter }], call);
    t.match(await cluster.ask('GET', `${all}/mine`), {
      metadata: { labels: { app: 'shop' } },
      type: 'example.org/mine',
      data: { other: 'eA==', 'db.password': 'c2VjcmV0' },
    });
    t.throws(() => store.place('/a/', 'ü'), failure('bad-request'));
  });

  await t.test(
    'a Secret of nearly 1 MiB is written and read, a larger one and an immutable one are refused',
    async (t) => {
      const put = (place: string, size: number) =>
        ({ kind: 'put', place, parameter: { value: SecretBytes.own(Buffer.alloc(size, 'x')) } }) as const;
      const large = await open('large');
      await large.apply([put('a', 1_000_000)], call);
      t.same(await large.list('/a/', call), ['a']);
      await t.rejects(large.apply([put('b', 100_000)], call), failure('provider-refused', /more than 1 MiB/));
      const metadata = { name: 'fixed' };
      await cluster.ask('POST', `/api/v1/namespaces/${namespace}/secrets`, { metadata, immutable: true });
      const fixed = await open('fixed');
      await t.rejects(fixed.apply([put('a', 1)], call), failure('provider-refused', /an immutable Secret stays/));
      t.same(await fixed.list('/a/', call), []);
      t.throws(() => fixed.place('/a/', '../b'), failure('bad-request'));
    },
  );

  await t.test('a Secret that somebody deletes before the write is a concurrent write', async (t) => {
    const one = `/api/v1/namespaces/${namespace}/secrets/passing`;
    await cluster.ask('POST', `/api/v1/namespaces/${namespace}/secrets`, { metadata: { name: 'passing' } });
    let tokens = 0;
    // The token is read for each call: the second time for the write.
    const readFile = async (path: string) => {
      if (path === tokenFile && ++tokens === 2) await cluster.ask('DELETE', one);
      return readSmallFile(path, 64 * 1024);
    };
    const files = { server: cluster.url, caFile: cluster.caFile, tokenFile };
    const uri = { scheme: 'parameters', provider: 'kubernetes', namespace, secret: 'passing', ...files } as const;
    const store = await openParameters(uri, { secrets: { env: {}, readFile } });
    const parameter = { value: SecretBytes.own(Buffer.from('x')) };
    await t.rejects(store.apply([{ kind: 'put', place: 'a', parameter }], call), failure('concurrent-write'));
  });

  await t.test('a Secret is a key of an application, of bytes, and its change is told', async (t) => {
    const secrets = `/api/v1/namespaces/${namespace}/secrets`;
    const [first, second] = [Buffer.alloc(32, 0xfe), Buffer.alloc(32, 0xff)];
    const secret = (value: Buffer) => ({ metadata: { name: 'session' }, data: { key: value.toString('base64') } });
    await cluster.ask('POST', secrets, secret(first));
    const at = { namespace, secret: 'session', server: cluster.url, caFile: cluster.caFile, tokenFile };
    const uri = uriText('parameters://kubernetes', at);
    const source = await openParameterSource({ uri, place: 'key', as: 'bytes', interval: 20 });
    t.teardown(() => source.close());
    const manager = new KeyManager();
    manager.defineKey({ name: 'K', store: source, useCase: 'ROUND_TRIP' });
    const changed = new Promise<unknown[]>((resolve) => {
      const bytesOf = (pair: unknown) => Buffer.from((pair as readonly [SecretKeyValue])[0].bytes());
      manager.registerOnChange('K', (old, next) => resolve([bytesOf(old), bytesOf(next)]));
    });
    const failed: unknown[] = [];
    const watch = await watchKey(manager, 'K', { failed: (error) => failed.push(error) });
    await cluster.ask('PUT', `${secrets}/session`, secret(second));
    t.same(await changed, [first, second]);
    await watch.close();
    t.same(failed, []);
  });

  await t.test('without the right it says what is missing', async (t) => {
    const path = join(t.testdir({ token: 'nobody' }), 'token');
    const store = await open('s1', { caFile: cluster.caFile, tokenFile: path });
    await t.rejects(store.list('/a/', call), failure('provider-credentials', /does not accept the token/));
  });
});
