import { hkdfSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import t from 'tap';
import type { AuditEvent, AuditSink } from '../../../src/core/audit.ts';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import { bytesField, varintField } from '../../../src/server/grpc/codec.ts';
import { openGrpcServer } from '../../../src/server/grpc/server.ts';
import type { Services } from '../../../src/wiring.ts';
import { listening } from '../../support/gate.ts';
import { callHeaders, END_HEADERS, END_STREAM, frame, PREFACE, TYPE } from '../../support/http2-frames.ts';
import { rememberingAudit, testAmbient, testConfig, testServices } from '../../support/services.ts';
import { failureOf, grpcClient } from './support/grpc-client.ts';
import { framed, rawCall, rawSession } from './support/raw-client.ts';

const GET = '/kms.API/GetDataKey';
const MASTER_SECRET = Buffer.alloc(32, 'm');
const SALT = Buffer.alloc(32, 's');

const request = (id: string | Uint8Array, length: number) =>
  Buffer.concat([
    bytesField(1, Buffer.from(id)),
    length < 2 ** 31 ? varintField(2, length) : Buffer.from('10ffffffff0f', 'hex'),
  ]);
const derived = (id: string, length: number) =>
  Buffer.from(hkdfSync('sha256', MASTER_SECRET, SALT, `key-${id}`, length));
const keyOf = (answer: Buffer, length: number) => answer.subarray(answer.length - length);

type T = Parameters<typeof testServices>[0];

function kekDir(t: T): string {
  const dir = mkdtempSync(join(tmpdir(), 'keystead-kek-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'mastersecret'), MASTER_SECRET);
  writeFileSync(join(dir, 'salt'), SALT);
  return dir;
}

async function open(
  t: T,
  over: Parameters<typeof testServices>[1] = {},
  ambient: Parameters<typeof testServices>[2] = {},
) {
  const services = await testServices(t, { kek: { dir: kekDir(t) }, ...over }, ambient);
  return { services, ...(await serve(t, services)) };
}

async function serve(t: T, services: Services) {
  const { clock } = testAmbient();
  const server = openGrpcServer({ services, config: testConfig(), log: undefined, clock, assertRoom() {} });
  const { port } = await listening(t, server);
  return { port, server, ...grpcClient(t, port) };
}

t.test('the key is HKDF-SHA256 with info "key-" and the id, as Constellation derives it', async (t) => {
  const { call } = await open(t);
  for (const [id, length] of [
    ['a', 1],
    ['a', 32],
    ['pvc-1', 8160],
    ['../x\0/', 33],
    ['\ufeffa', 16],
    ['é雪🗝', 64],
  ] as const) {
    const answer = await call(GET, request(id, length));
    t.ok(answer.equals(bytesField(1, derived(id, length))), `${length} bytes for ${JSON.stringify(id)}`);
  }
});

t.test('an id of 4096 bytes has a key, one of 4097 and none at all are invalid_argument', async (t) => {
  const { call } = await open(t);
  for (const id of ['x'.repeat(1021), 'x'.repeat(4096), 'é'.repeat(2048)]) {
    const info = Buffer.from(`key-${id}`);
    // node:crypto takes an info of 1024 bytes at most, so a longer id is only asked for its length and its stability.
    const one = await call(GET, request(id, 32));
    t.same(one, await call(GET, request(id, 32)));
    if (info.length <= 1024) t.same(keyOf(one, 32), derived(id, 32));
  }
  for (const id of ['', 'x'.repeat(4097), `x${'é'.repeat(2048)}`]) {
    t.equal((await failureOf(call(GET, request(id, 32)))).code, status.INVALID_ARGUMENT);
  }
});

t.test('length 0 is invalid_argument, a length beyond 8160 internal and costs nothing', async (t) => {
  const { call } = await open(t);
  t.equal((await failureOf(call(GET, request('a', 0)))).code, status.INVALID_ARGUMENT);
  const before = process.memoryUsage();
  for (const length of [8161, 2 ** 31 - 1, 2 ** 32 - 1]) {
    t.equal((await failureOf(call(GET, request('a', length)))).code, status.INTERNAL);
  }
  const after = process.memoryUsage();
  t.ok(after.arrayBuffers - before.arrayBuffers < 64 * 1024 * 1024, 'nothing of that size was made');
});

t.test('a message that is not one is internal, and no key is derived', async (t) => {
  const audit = rememberingAudit();
  const { call } = await open(t, {}, { audit });
  for (const message of ['0a01ff1020', '0a0561', '0a', 'ff', '0b', '0001']) {
    const failure = await failureOf(call(GET, Buffer.from(message, 'hex')));
    t.match(failure, { code: status.INTERNAL, details: /protobuf/ });
  }
  t.same(audit.events, []);
});

t.test('hostile messages get a status, and the service goes on', async (t) => {
  const { port, call } = await open(t);
  const session = rawSession(t, port);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, isFramed) => {
      const answer = await rawCall(session, GET, isFramed ? framed(bytes) : bytes);
      return answer.status !== undefined && answer.http === 200;
    }),
    { numRuns: 300 },
  );
  t.same(keyOf(await call(GET, request('a', 32)), 32), derived('a', 32));
});

t.test('without an accepted token it is unauthenticated, and only that is in the audit trail', async (t) => {
  const dir = kekDir(t);
  writeFileSync(join(dir, 'token'), 'a token of the administrator\n'.replaceAll(' ', '-'));
  const audit = rememberingAudit();
  const services = await testServices(
    t,
    { dev: false, kek: { dir }, admin: { tokenFile: join(dir, 'token') } },
    { audit },
  );
  const { call } = await serve(t, services);
  for (const metadata of [{}, { authorization: 'Bearer wrong-token-of-some-length' }]) {
    const failure = await failureOf(call(GET, request('a', 32), { metadata }));
    t.equal(failure.code, status.UNAUTHENTICATED);
  }
  const login = { listener: 'grpc', action: 'system.authenticate', outcome: 'denied' };
  const logins = [
    { ...login, resource: 'none', reason: 'no-credentials' },
    { ...login, resource: 'token', reason: 'bad-credentials' },
  ];
  t.match(audit.events, logins);
  t.notMatch(JSON.stringify(audit.events), /wrong-token/);
  const metadata = { authorization: 'Bearer a-token-of-the-administrator' };
  t.same(keyOf(await call(GET, request('a', 32), { metadata }), 32), derived('a', 32));
  t.match(audit.events, [...logins, { listener: 'grpc', action: 'data-key.get', resource: 'a', outcome: 'ok' }]);
});

/** Sends frames on a connection of its own, and waits until the first stream has its end. */
async function answered(t: T, port: number, frames: readonly Buffer[]): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.write(Buffer.concat([PREFACE, frame(TYPE.settings, 0, 0), ...frames]));
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 9 && received.length >= 9 + received.readUIntBE(0, 3)) {
      if (received.readUInt32BE(5) === 1 && ((received[4] as number) & END_STREAM) !== 0) return;
      received = received.subarray(9 + received.readUIntBE(0, 3));
    }
  }
  throw new Error('the connection ended without an answer');
}

t.test('two tokens are none, whichever comes first, and that is in the audit trail', async (t) => {
  const dir = kekDir(t);
  const good = 'Bearer a-token-of-the-administrator';
  writeFileSync(join(dir, 'token'), good.slice('Bearer '.length));
  const audit = rememberingAudit();
  const config = { dev: false, kek: { dir }, admin: { tokenFile: join(dir, 'token') } };
  const { port } = await serve(t, await testServices(t, config, { audit }));
  const pairs = [
    [good, 'Bearer another-token-of-some-length'],
    ['Bearer another-token-of-some-length', good],
    [good, good],
    [good, ''],
    ['', good],
  ];
  const message = framed(request('a', 32));
  const send = (values: readonly string[]) => {
    const entries = values.map((value) => ['authorization', value] as const);
    const head = frame(TYPE.headers, END_HEADERS, 1, callHeaders(GET, entries));
    return answered(t, port, [head, frame(TYPE.data, END_STREAM, 1, message)]);
  };
  for (const pair of pairs) await send(pair);
  t.match(audit.events, [
    { listener: 'grpc', action: 'system.authenticate', resource: 'token', reason: 'bad-credentials' },
  ]);
  t.equal(audit.events.length, 1, 'the others follow in one line, and nobody got a key');
  t.notMatch(JSON.stringify(audit.events), /-token-of/);
  await send([good]);
  t.match(audit.events[1], { action: 'data-key.get', outcome: 'ok' });
});

t.test('a call for no method is counted by its source', async (t) => {
  const limits = { requestsPerSource: 2 };
  const { port } = await serve(t, await testServices(t, { dev: false, limits }));
  const session = rawSession(t, port);
  const outcomes = [];
  for (let n = 0; n < 3; n++)
    outcomes.push((await rawCall(session, '/no.Service/Method', framed(request('a', 32)))).status);
  t.same(outcomes, [status.UNIMPLEMENTED, status.UNIMPLEMENTED, status.RESOURCE_EXHAUSTED]);
});

t.test('what the policy refuses is permission_denied', async (t) => {
  const services = await testServices(t);
  const nobody = { kind: 'token', name: 'nobody', groups: [] } as const;
  const { call } = await serve(t, { ...services, authenticate: async () => nobody });
  t.equal((await failureOf(call(GET, request('a', 32)))).code, status.PERMISSION_DENIED);
});

t.test('a sealed service is internal, as Constellation has it, and says so in its reason', async (t) => {
  const { call } = await sealed(t);
  const failure = await failureOf(call(GET, request('a', 32)));
  t.equal(failure.code, status.INTERNAL);
  const [details] = (failure.metadata ?? new Metadata()).get('grpc-status-details-bin');
  t.match(String(details), /sealed.*keystead/s);
});

t.test('no answer leaves when its audit line cannot be written', async (t) => {
  const audit: AuditSink = {
    ...rememberingAudit(),
    write: async (_event: AuditEvent) => Promise.reject(new Error('full')),
  };
  const { call } = await open(t, {}, { audit });
  t.match(await failureOf(call(GET, request('a', 32))), { code: status.INTERNAL, details: /audit/ });
});

t.test('the key is disposed, and no failure says anything of it', async (t) => {
  const services = await testServices(t);
  const key = SecretBytes.copyOf(Buffer.from('the bytes of a key'));
  const { call } = await serve(t, {
    ...services,
    dataKeys: {
      ...services.dataKeys,
      get: async (asked) => ({ id: asked.id, version: 1, key, created: false, source: 'derived' }),
    },
  });
  t.same(await call(GET, request('a', 18)), bytesField(1, Buffer.from('the bytes of a key')));
  t.ok(key.disposed);
});

async function sealed(t: T) {
  const dir = mkdtempSync(join(tmpdir(), 'keystead-token-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'token'), 'a-token-of-the-administrator');
  const services = await testServices(t, { dev: false, admin: { tokenFile: join(dir, 'token') } });
  const served = await serve(t, services);
  const metadata = { authorization: 'Bearer a-token-of-the-administrator' };
  return { call: (path: string, message: Uint8Array) => served.call(path, message, { metadata }) };
}
