import { type AddressInfo, createServer, type Socket } from 'node:net';
import { dataKeyContext } from '../src/core/context.ts';
import { SecretBytes } from '../src/core/secret-bytes.ts';
import { parseKmsUri, parseStorageUri } from '../src/core/uri.ts';
import { openKek, openStore } from '../src/providers/open.ts';
import { testAmbient, testCall } from '../test/support/services.ts';
import type { Row } from './support/measure.ts';

/** Seconds, the default deadline of 5 s and what a busy machine adds. */
const AT_MOST = 5.2;
const call = testCall();
const { random } = testAmbient();
const deps = { random, secrets: { env: {}, readFile: () => Promise.reject(new Error('no files here')) } };
const key = SecretBytes.own(new Uint8Array(32));

const aws = 'region=eu-west-1&accessKeyID=a&accessKey=b';
const azure = 'tenantID=t&clientID=c&clientSecret=s';
const KEKS: Readonly<Record<string, string>> = {
  'AWS KMS': `kms://aws?keyName=a&${aws}&endpoint=http://`,
  'Cloud KMS': 'kms://gcp?projectID=p1&location=global&keyRing=r&keyName=k&endpoint=http://',
  'Key Vault': `kms://azure?vaultName=v1&vaultType=vault.azure.net&keyName=k&${azure}&endpoint=https://`,
};
const STORES: Readonly<Record<string, string>> = {
  S3: `storage://aws?bucket=bbb&${aws}&endpoint=http://`,
  'Cloud Storage': 'storage://gcp?projectID=p1&bucket=bbb&endpoint=http://',
  'Blob Storage': `storage://azure?account=acc&container=con&${azure}&endpoint=https://`,
};

/** (i) How long one call takes to fail by itself, with default settings, when the server is away. */
export async function benchAway(): Promise<Row[]> {
  const sockets = new Set<Socket>();
  const mute = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const silent = `127.0.0.1:${(mute.address() as AddressInfo).port}`;
  const refusing = '127.0.0.1:1';
  const rows: Row[] = [];
  try {
    for (const [name, uri] of Object.entries(KEKS)) {
      rows.push(rowOf(name, await failing(wrapping, uri + silent), await failing(wrapping, uri + refusing)));
    }
    for (const [name, uri] of Object.entries(STORES)) {
      rows.push(rowOf(name, await failing(reading, uri + silent), await failing(reading, uri + refusing)));
    }
    return rows;
  } finally {
    for (const socket of sockets) socket.destroy();
    mute.close();
  }
}

function rowOf(name: string, mute: number, refused: number): Row {
  const most = Math.max(mute, refused);
  return {
    what: `(i) ${name} away: a call fails after`,
    ours: `${mute.toFixed(1)} s (no answer), ${refused.toFixed(1)} s (no connection)`,
    baseline: 'the default deadline, 5 s',
    ratio: (most / 5).toFixed(2),
    target: `≤ 1${most <= AT_MOST ? '' : ' (missed)'}`,
  };
}

/** One call to make, of a door that is open: to load an SDK is none of it. */
interface Asking {
  ask(): Promise<unknown>;
  close(): Promise<void>;
}

async function wrapping(uri: string): Promise<Asking> {
  const { kek } = await openKek(parseKmsUri(uri), deps);
  return { ask: () => kek.wrap(key, dataKeyContext('a', 1, key.length), call), close: () => kek.close() };
}

async function reading(uri: string): Promise<Asking> {
  const store = await openStore(parseStorageUri(uri), deps);
  return { ask: async () => store?.read('a', call), close: async () => store?.close() };
}

/** Seconds until the call has failed. */
async function failing(open: (uri: string) => Promise<Asking>, uri: string): Promise<number> {
  process.env['AZURE_AUTHORITY_HOST'] = `https://${uri.replace(/^.*\/\//, '')}`;
  const { ask, close } = await open(uri);
  const begin = performance.now();
  const answered = await ask().then(
    () => true,
    () => false,
  );
  if (answered) throw new Error('a call to nobody was answered');
  await close();
  return (performance.now() - begin) / 1000;
}
