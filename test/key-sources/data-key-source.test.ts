import t from 'tap';
import { KeysteadClient } from '../../src/client/http-client.ts';
import { KeyManager } from '../../src/key-manager/key-manager.ts';
import type { SecretKeyValue } from '../../src/key-manager/secret-key-value.ts';
import { watchKey } from '../../src/key-manager/watch-key.ts';
import { type DataKeyClient, dataKeySource } from '../../src/key-sources/data-key-source.ts';
import { buildApp } from '../../src/server/http/app.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type ConfigChanges, testConfig, testServices } from '../support/services.ts';

type Test = { teardown(fn: () => unknown): void };

interface Service {
  readonly client: KeysteadClient;
  close(): Promise<unknown>;
}

/** A real service, and a client of it. */
async function serve(t: Test, kms: string): Promise<Service> {
  const config: ConfigChanges = { kms };
  const services = await testServices(t, config);
  const app = await buildApp({ services, config: testConfig(config), log: false });
  t.teardown(() => app.close());
  const server = await app.listen({ host: '127.0.0.1', port: 0 });
  return { client: new KeysteadClient({ server, retries: 0 }), close: () => app.close() };
}

/** An application whose key is the data key `app` of the service of the moment, and what its callback was told. */
async function application(t: Test, service: () => Service) {
  const clock = new FakeClock();
  const client: DataKeyClient = { getDataKey: (id, options) => service().client.getDataKey(id, options) };
  const manager = new KeyManager();
  const store = dataKeySource({ client, id: 'app', clock, interval: 1000 });
  manager.defineKey({ name: 'K', store, useCase: 'ROUND_TRIP' });
  const told: Uint8Array[] = [];
  const toldOnce = Promise.withResolvers<void>();
  manager.registerOnChange('K', (_old, next) => {
    told.push((next as readonly [SecretKeyValue, SecretKeyValue])[0].bytes());
    toldOnce.resolve();
  });
  const failed: unknown[] = [];
  const watch = await watchKey(manager, 'K', { failed: (error) => failed.push(error) });
  t.teardown(() => watch.close());
  const look = async () => {
    while (clock.sleepers === 0) await new Promise(setImmediate);
    await clock.advance(1000);
  };
  return { manager, told, failed, look, toldOnce: toldOnce.promise };
}

t.test('a data key that is rotated in the service is a change in the application', async (t) => {
  const service = await serve(t, 'kms://cluster-kms?mode=wrap');
  const { manager, told, look, toldOnce } = await application(t, () => service);
  const before = await manager.getForwardPathKey('K');
  await service.client.rotate('app');
  await look();
  await toldOnce;
  const after = await service.client.getDataKey('app');
  t.equal(after.version, 2);
  t.same(told, [new Uint8Array(after.key.expose())]);
  t.same((await manager.getBackPathKey('K')).bytes(), before.bytes(), 'what was sealed before still opens');
  t.same((await manager.getForwardPathKey('K')).bytes(), told[0]);
});

t.test('a service that comes back with another KEK is a change of a derived key', async (t) => {
  const kek = (byte: number) =>
    `kms://cluster-kms?key=${Buffer.alloc(32, byte).toString('base64url')}&salt=${Buffer.alloc(32, 9).toString('base64url')}`;
  const first = await serve(t, kek(1));
  let service = first;
  const { told, failed, look, toldOnce } = await application(t, () => service);
  await first.close();
  await look();
  while (failed.length === 0) await new Promise(setImmediate);
  t.match(failed, [{ code: 'unavailable' }], 'a service that is away is told, and is no change');
  service = await serve(t, kek(2));
  await look();
  await toldOnce;
  t.same(told, [new Uint8Array((await service.client.getDataKey('app')).key.expose())]);
});
