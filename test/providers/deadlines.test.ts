import { type AddressInfo, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { dataKeyContext } from '../../src/core/context.ts';
import { KeysteadError } from '../../src/core/errors.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import type { SecretSource } from '../../src/core/secret-reference.ts';
import { parseKmsUri, parseStorageUri } from '../../src/core/uri.ts';
import { openKek, openStore } from '../../src/providers/open.ts';
import { failure } from '../support/failure.ts';
import { testAmbient, testCall } from '../support/services.ts';

const { random } = testAmbient();
const secrets: SecretSource = {
  env: { S: 'a-secret' },
  readFile: () => {
    throw Object.assign(new Error('no files here'), { code: 'ENOENT' });
  },
};

/** A server that takes connections and never says a word. */
async function mute(t: Test): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const aws = 'region=eu-west-1&accessKeyID=a&accessKey=env://S';
const azure = 'tenantID=t&clientID=c&clientSecret=env://S';
const KEKS: Record<string, (at: string) => string> = {
  aws: (at) => `kms://aws?keyName=a&${aws}&endpoint=http://${at}`,
  gcp: (at) => `kms://gcp?projectID=p1&location=global&keyRing=r&keyName=k&endpoint=http://${at}`,
  azure: (at) => `kms://azure?vaultName=v1&vaultType=vault.azure.net&keyName=k&${azure}&endpoint=https://${at}`,
};
const STORES: Record<string, (at: string) => string> = {
  aws: (at) => `storage://aws?bucket=bbb&${aws}&endpoint=http://${at}`,
  gcp: (at) => `storage://gcp?projectID=p1&bucket=bbb&endpoint=http://${at}`,
  azure: (at) => `storage://azure?account=acc&container=con&${azure}&endpoint=https://${at}`,
};

/** It says the time that was given, or a share of it, or is the SDK's own, which is one too; never the default of 5000 ms. */
const ENDED = /\b\d{1,3} ms|there was no answer in time|it did not answer in time/;

for (const [cloud, uriOf] of Object.entries(KEKS)) {
  t.test(`kms://${cloud}: a call ends when the given time is over, and before that with its caller`, async (t) => {
    const at = await mute(t);
    process.env['AZURE_AUTHORITY_HOST'] = `https://${at}`;
    const { kek } = await openKek(parseKmsUri(uriOf(at)), { random, secrets, timeoutMs: 250 });
    t.teardown(() => kek.close());
    const key = SecretBytes.own(new Uint8Array(32));
    const wrap = (call = testCall()) => kek.wrap(key, dataKeyContext('a', 1, 32), call);
    await t.rejects(wrap(), failure('kms-timeout', ENDED));
    await t.rejects(kek.check(testCall()), failure('kms-timeout', ENDED));
    const patient = await openKek(parseKmsUri(uriOf(at)), { random, secrets, timeoutMs: 60_000 });
    t.teardown(() => patient.kek.close());
    const gone = new AbortController();
    const leaving = patient.kek.wrap(key, dataKeyContext('a', 1, 32), testCall({ signal: gone.signal }));
    setImmediate(() => gone.abort(new KeysteadError('timeout', 'the deadline of the caller')));
    await t.rejects(leaving, failure('timeout', /of the caller/));
  });
}

for (const [cloud, uriOf] of Object.entries(STORES)) {
  t.test(`storage://${cloud}: a call ends when the given time is over, and before that with its caller`, async (t) => {
    const at = await mute(t);
    process.env['AZURE_AUTHORITY_HOST'] = `https://${at}`;
    const open = async (timeoutMs: number) => {
      const store = await openStore(parseStorageUri(uriOf(at)), { secrets, timeoutMs });
      t.teardown(() => store?.close());
      return store as NonNullable<typeof store>;
    };
    const store = await open(250);
    const bytes = Uint8Array.of(1);
    await t.rejects(store.read('a', testCall()), failure('store-timeout', ENDED));
    await t.rejects(store.create('a', bytes, testCall()), failure('store-timeout', ENDED));
    await t.rejects(store.list('', undefined, 1, testCall()), failure('store-timeout', ENDED));
    await t.rejects(store.check(testCall()), failure('store-timeout', ENDED));
    const gone = new AbortController();
    const leaving = (await open(60_000)).read('a', testCall({ signal: gone.signal }));
    setImmediate(() => gone.abort(new KeysteadError('timeout', 'the deadline of the caller')));
    await t.rejects(leaving, failure('timeout', /of the caller/));
  });
}
