import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import type { Step } from '../../src/system/doctor.ts';
import { keyAdmin, plainServer, unique } from '../providers/azure/azure.ts';
import { answerJson, fakeHttp, fakeKms, googleError, status } from '../providers/gcp/fakes.ts';
import { authority } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { uriText } from '../support/opened-doors.ts';
import { KEK_PLACES, type KekPlace, placeEmulators, placeSecrets, STORE_PLACES } from '../support/places.ts';
import { keystead } from './terminal.ts';

t.setTimeout(400_000);

interface Given {
  readonly kms: string;
  readonly storage: string;
}

/** What a run of the doctor says: its exit status, and each step that is not well, with what to do. */
async function doctor({ kms, storage }: Given) {
  const words = ['doctor', '--output', 'json', '--kms', kms, '--storage', storage];
  const outcome = await keystead(words, { env: placeSecrets.env as Record<string, string> });
  const { steps } = JSON.parse(outcome.stdout) as { steps: Step[] };
  const failed = steps.filter((step) => step.status === 'failed');
  return { ...outcome, steps, failed };
}

/** The URI with other values for some names. */
function changed(uri: string, names: Record<string, string>): string {
  const [head = '', query = ''] = uri.split('?');
  const old = query.split('&').map((pair) => pair.split('=').map(decodeURIComponent));
  return uriText(head, { ...Object.fromEntries(old), ...names });
}

/** Speaks TLS with a certificate that nobody trusts. */
async function strangerServer(t: Test): Promise<string> {
  const server = createHttpsServer(authority('nobody').issue('localhost'), (_request, response) => response.end());
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What goes wrong at both doors, the exit status, and what each failing step says. */
type Row = readonly [
  string,
  Given,
  number,
  ...(readonly [door: string, step: string, reason: string, detail: RegExp])[],
];

async function eachRow(t: Test, rows: readonly Row[]): Promise<void> {
  for (const [name, given, exit, ...wanted] of rows) {
    const { status, failed } = await doctor(given);
    t.equal(status, exit, name);
    t.match(
      failed,
      wanted.map(([door, step, reason, detail]) => ({ door, step, reason, detail })),
      name,
    );
    t.equal(failed.length, wanted.length, `${name}: nothing else failed`);
  }
}

/** Wherever a cloud's address leads, the way there is told of first. */
async function waysThere(t: Test, { kms, storage }: Given, path = ''): Promise<Row[]> {
  const at = (endpoint: string) => ({
    kms: changed(kms, { endpoint }),
    storage: changed(storage, { endpoint: `${endpoint}${path}` }),
  });
  const both = (step: string, detail: RegExp) =>
    [
      ['kms', step, 'kms-unreachable', detail],
      ['storage', step, 'store-unreachable', detail],
    ] as const;
  return [
    ['no DNS name', at('https://cloud.invalid'), 75, ...both('name resolution', /no such name; check region/)],
    ['refused', at(`https://127.0.0.1:${await freePort()}`), 75, ...both('TLS', /nothing listens there; check/)],
    ['no TLS', at(await plainServer(t)), 75, ...both('TLS', /does not speak TLS; check whether endpoint is http/)],
    ['unknown CA', at(await strangerServer(t)), 75, ...both('TLS', /not trusted; give its CA in NODE_EXTRA_CA_CERTS/)],
  ];
}

async function wellAndSwitchedOff(t: Test, kek: KekPlace, given: Given): Promise<void> {
  const well = await doctor(given);
  t.same([well.status, well.stderr, well.failed], [0, '', []]);
  t.ok(well.steps.every((step) => step.status === 'ok'));
  t.ok(well.steps.length > 20);
  t.notMatch(well.stdout, 'a-client-secret');
  await kek.disable?.();
  const off = await doctor(given);
  t.equal(off.status, 65);
  t.match(off.failed[0], { door: 'kms', step: 'wrap', reason: 'key-stopped', detail: /enable it/ });
  await kek.enable?.();
}

t.test('Google Cloud is walked step by step, and each failing one says what to do', async (t) => {
  const env = await placeEmulators(t);
  const kek = env && (await KEK_PLACES['Cloud KMS']?.(t, env));
  if (env === undefined || kek === undefined) return;
  const given = { kms: kek.uri, storage: (await STORE_PLACES['Cloud Storage']?.(t, env)) ?? '' };
  await wellAndSwitchedOff(t, kek, given);
  const { kms, storage } = given;
  const no = (permission: string) => () => {
    throw status(7, `Permission 'cloudkms.cryptoKeyVersions.${permission}' denied on resource`);
  };
  const deniedKms = await fakeKms(t, { Encrypt: no('useToEncrypt'), GetCryptoKeyVersion: no('get') });
  const deniedStore = await fakeHttp(t, (_request, response) =>
    answerJson(response, 403, googleError(403, 'forbidden', 'it does not have storage.objects.get access')),
  );
  const denied = {
    kms: changed(kms, { endpoint: deniedKms }),
    storage: changed(storage, { endpoint: deniedStore.url }),
  };
  const grant = /permission storage\.objects\.get is missing; grant it/;
  const signing = await fakeKms(t, {
    Encrypt: () => {
      throw status(9, 'Operation requested for Key k has incorrect key purpose: ASYMMETRIC_SIGN');
    },
  });
  await eachRow(t, [
    ...(await waysThere(t, given)),
    [
      'denied',
      denied,
      77,
      ['kms', 'wrap', 'provider-denied', /permission cloudkms\.cryptoKeyVersions\.useToEncrypt is missing; grant it/],
      ['storage', 'check', 'provider-denied', grant],
      ['storage', 'read', 'provider-denied', grant],
      ['storage', 'create', 'provider-denied', grant],
      ['storage', 'list', 'provider-denied', grant],
    ],
    [
      'a key for signing',
      { ...given, kms: changed(kms, { endpoint: signing }) },
      65,
      ['kms', 'wrap', 'wrong-key-type', /purpose .* is not ENCRYPT_DECRYPT; name a symmetric key/],
    ],
    [
      'nothing there',
      { kms: changed(kms, { keyName: 'nobody' }), storage: changed(storage, { bucket: unique('none') }) },
      66,
      ['kms', 'wrap', 'no-kek', /not there; check projectID, location, keyRing and keyName/],
      ['storage', 'check', 'no-bucket', /not there; create it, or say create=true/],
    ],
  ]);
});

t.test('Azure is walked step by step, and each failing one says what to do', async (t) => {
  const env = await placeEmulators(t);
  const kek = env && (await KEK_PLACES['Key Vault']?.(t, env));
  const hsm = env && (await KEK_PLACES['Managed HSM']?.(t, env));
  if (env === undefined || kek === undefined || hsm === undefined) return;
  const given = { kms: kek.uri, storage: (await STORE_PLACES['Blob Storage']?.(t, env)) ?? '' };
  await wellAndSwitchedOff(t, kek, given);
  await wellAndSwitchedOff(t, hsm, { ...given, kms: hsm.uri });
  const { kms, storage } = given;
  const admin = keyAdmin(env['AZURE_KEYVAULT_URL'] ?? '');
  const { name } = await admin.createRsaKey(unique('sign'), { keySize: 2048, keyOps: ['sign', 'verify'] });
  await eachRow(t, [
    ...(await waysThere(t, given, '/keyservice')),
    [
      'denied',
      { ...given, kms: changed(kms, { clientID: 'no-access' }) },
      77,
      ['kms', 'wrap', 'provider-denied', /does not permit it; check roles, access policies and the firewall/],
    ],
    [
      'a key for signing',
      { ...given, kms: changed(kms, { keyName: name }) },
      65,
      ['kms', 'wrap', 'wrong-key-type', /give one that allows wrapKey and unwrapKey/],
      ['kms', 'describe', 'wrong-key-type', /give one that allows wrapKey and unwrapKey/],
    ],
    [
      'nothing there',
      { kms: changed(kms, { keyName: 'nobody' }), storage: changed(storage, { container: unique('none') }) },
      66,
      ['kms', 'wrap', 'no-kek', /check vaultName, keyName and keyVersion/],
      ['storage', 'check', 'no-bucket', /create it, or give create=true/],
    ],
  ]);
});
