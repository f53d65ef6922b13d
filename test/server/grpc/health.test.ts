import { fromBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import { HealthCheckResponseSchema, HealthListResponseSchema } from '../../../src/gen/grpc/health/v1/health_pb.ts';
import { bytesField } from '../../../src/server/grpc/codec.ts';
import { openGrpcServer } from '../../../src/server/grpc/server.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { listening } from '../../support/gate.ts';
import { testCall, testConfig, testServices } from '../../support/services.ts';
import { failureOf, grpcClient, same } from './support/grpc-client.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;
const ask = (service: string) => bytesField(1, Buffer.from(service));
const statusOf = (answer: Uint8Array) => fromBinary(HealthCheckResponseSchema, answer).status as number;

async function open(t: Parameters<typeof testServices>[0], dev: boolean) {
  const clock = new FakeClock();
  const services = await testServices(t, { dev });
  const server = openGrpcServer({ services, config: testConfig(), log: undefined, clock, assertRoom() {} });
  const { port } = await listening(t, server);
  const unseal = () =>
    services.system.bootstrap(
      { masterSecret: SecretBytes.own(new Uint8Array(32).fill(1)), salt: SecretBytes.own(new Uint8Array(32).fill(2)) },
      testCall(),
    );
  return { clock, server, unseal, ...grpcClient(t, port) };
}

t.test('a ready service is serving, as a whole and by name, to callers without credentials', async (t) => {
  const { call } = await open(t, true);
  t.equal(statusOf(await call(CHECK, Buffer.alloc(0))), SERVING);
  t.equal(statusOf(await call(CHECK, ask('kms.API'))), SERVING);
});

t.test('a sealed service is not serving until it has its KEK', async (t) => {
  const { call, unseal } = await open(t, false);
  t.equal(statusOf(await call(CHECK, ask(''))), NOT_SERVING);
  await unseal();
  t.equal(statusOf(await call(CHECK, ask(''))), SERVING);
});

t.test('an unknown service is not found, a malformed request internal', async (t) => {
  const { call } = await open(t, true);
  t.equal((await failureOf(call(CHECK, ask('kms.Api')))).code, status.NOT_FOUND);
  t.equal((await failureOf(call(CHECK, Buffer.from('0a01ff', 'hex')))).code, status.INTERNAL);
  t.equal((await failureOf(call(CHECK, Buffer.alloc(70_000)))).code, status.RESOURCE_EXHAUSTED);
});

t.test('the list has every name', async (t) => {
  const { call } = await open(t, true);
  const { statuses } = fromBinary(HealthListResponseSchema, await call('/grpc.health.v1.Health/List', Buffer.alloc(0)));
  t.same(Object.fromEntries(Object.entries(statuses).map(([name, { status }]) => [name, status])), {
    '': SERVING,
    'kms.API': SERVING,
  });
  t.equal((await failureOf(call('/grpc.health.v1.Health/List', Buffer.from('ff', 'hex')))).code, status.INTERNAL);
});

t.test('a watch tells every change once, and ends when the server drains', async (t) => {
  const { client, clock, unseal, server } = await open(t, false);
  const watch = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', same, same, ask('kms.API'));
  const ended = new Promise<{ code: number }>((resolve) => watch.on('error', resolve as never));
  const seen = watch[Symbol.asyncIterator]();
  t.equal(statusOf((await seen.next()).value), NOT_SERVING);
  await asleep(clock);
  await clock.advance(1000);
  await asleep(clock);
  await unseal();
  const changed = seen.next();
  await clock.advance(1000);
  t.equal(statusOf((await changed).value), SERVING);
  const rest = seen.next().catch(() => {});
  await server.drain(60_000);
  t.equal((await ended).code, status.UNAVAILABLE);
  await rest;
});

t.test('a watch of an unknown service says so and goes on', async (t) => {
  const { client, clock } = await open(t, true);
  const watch = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', same, same, ask('other'));
  watch.on('error', () => {});
  const { value } = await watch[Symbol.asyncIterator]().next();
  t.equal(statusOf(value), SERVICE_UNKNOWN);
  await asleep(clock);
  watch.cancel();
  while (clock.sleepers > 0) await new Promise((resolve) => setImmediate(resolve));
  t.pass('and ends with its caller');
});

/** Resolves when the watch waits for its next look. */
async function asleep(clock: FakeClock): Promise<void> {
  while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
}
