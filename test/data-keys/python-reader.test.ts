import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { recordName } from '../../src/data-keys/record-name.ts';
import { hsmQuery, keyAdmin, unique } from '../providers/azure/azure.ts';
import { answerJson, fakeHttp, kmsAdmin } from '../providers/gcp/fakes.ts';
import { secretOf } from '../support/cluster-kek.ts';
import { emulatorsHome } from '../support/emulator-slots.ts';
import { openedKek, uriText } from '../support/opened-doors.ts';
import { KEK_PLACES, placeEmulators, placeSecrets } from '../support/places.ts';
import { testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';
import golden from '../vectors/wrapped-record-v1.json' with { type: 'json' };

t.setTimeout(400_000);
const call = testCall();
const reader = join(import.meta.dirname, '../../docs/formats/read-record.py');
// The one that the AWS emulator runs on has boto3, too.
const withBoto = join(emulatorsHome, 'moto/bin/python3');
const python = existsSync(withBoto) ? withBoto : 'python3';
const hasPython = spawnSync(python, ['-c', 'import cryptography']).status === 0;
const skip = hasPython || process.env['CI'] === 'true' ? false : 'python3 with the package cryptography is not here';

interface Folder {
  readonly path: string;
  write(name: string, content: string | Uint8Array): string;
}

function folder(t: { teardown(fn: () => unknown): void }): Folder {
  const path = mkdtempSync(join(tmpdir(), 'keystead-reader-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  const write = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(path, name), content);
    return join(path, name);
  };
  return { path, write };
}

/** What the reader prints, on stdout or, where it refuses, on stderr. */
async function read(env: Record<string, string>, ...args: string[]): Promise<{ output: string; error: string }> {
  const surroundings = { PATH: process.env['PATH'], ...env };
  try {
    const { stdout } = await promisify(execFile)(python, [reader, ...args], { env: surroundings });
    return { output: stdout.trim(), error: '' };
  } catch (error) {
    return { output: '', error: (error as { stderr: string }).stderr.trim().split('\n').at(-1) ?? '' };
  }
}

t.test('a reader of another language opens every golden record', { skip }, async (t) => {
  const { path, write } = folder(t);
  const env = { KEYSTEAD_KEK_DIR: path };
  write('mastersecret', Buffer.from(golden.masterSecret, 'base64'));
  write('salt', Buffer.from(golden.salt, 'base64'));
  for (const { id, record, keys } of golden.records) {
    const file = write('record', record);
    t.equal((await read(env, file)).output, keys.at(-1)?.key, `the newest of ${JSON.stringify(id.slice(0, 20))}`);
    for (const { version, key } of keys.slice(0, -1)) {
      t.equal((await read(env, file, String(version))).output, key);
    }
  }
});

t.test('and every record that is written today, under the name that it computes', { skip }, async (t) => {
  const { path, write } = folder(t);
  write('mastersecret', secretOf('master secret a').expose());
  write('salt', secretOf('salt a').expose());
  const { dataKeys, store } = await storedHouse(t);
  for (const [id, length] of [
    ['pvc-1', 32],
    ['/\u00e9\u{1f600}..', 64],
    ['three', 3],
    ['x'.repeat(900), 8160],
  ] as const) {
    const { key } = await dataKeys.get({ id, length, create: 'must' }, call);
    const stored = await store.read(pythonName(id), call);
    const file = write('record', stored?.bytes ?? '');
    const { output } = await read({ KEYSTEAD_KEK_DIR: path }, file);
    t.equal(output, Buffer.from(key.expose()).toString('base64'));
  }
});

t.test('it says so when the key is purged, the KEK is another one, or the record was changed', { skip }, async (t) => {
  const { path, write } = folder(t);
  const env = { KEYSTEAD_KEK_DIR: path };
  write('mastersecret', Buffer.from(golden.masterSecret, 'base64'));
  write('salt', Buffer.from(golden.salt, 'base64'));
  const record = golden.records[0]?.record ?? '';
  t.match((await read(env, write('record', record.replace('"id":"pvc', '"id":"qvc')))).error, /InvalidTag/);
  t.match((await read(env, write('record', golden.tombstones[0]?.record ?? ''))).error, /purged: no key is left/);
  write('salt', new Uint8Array(32));
  t.match((await read(env, write('record', record))).error, /wrapped by another KEK/);
});

t.test('and the records of every cloud, by every word that the page has for an algorithm', { skip }, async (t) => {
  const emulated = await placeEmulators(t);
  if (emulated === undefined) return;
  const { write } = folder(t);
  const [short, long] = [{ pvc: 32, 'ü/\u{1f600}\n': 16, ['x'.repeat(1025)]: 32 }, { long: 8160 }];
  const rows: readonly [string, string, Record<string, number>][] = [
    ['aws-kms', await place(t, 'AWS KMS', emulated), { ...short, most: 4096 }],
    ['aws-kms+aes-256-gcm', await place(t, 'AWS KMS', emulated), long],
    ['gcp-kms', await place(t, 'Cloud KMS', emulated), { ...short, ...long }],
    ['azure-rsa-oaep-256+aes-256-gcm', await place(t, 'Key Vault', emulated), { ...short, ...long }],
    ...(await hsmRows(emulated)),
  ];
  const page = pageWords();
  t.same(new Set(rows.map(([algorithm]) => algorithm)), new Set(page), 'the page has these words');
  for (const [algorithm, kms, keys] of rows) {
    const { dataKeys, store } = await storedHouse(t, { kek: await openedKek(t, kms, { secrets: placeSecrets }) });
    const env = await cloudEnv(t, emulated, kms.includes('managedhsm'));
    const readBack = Object.entries(keys).map(async ([id, length], n) => {
      const { key } = await dataKeys.get({ id, length, create: 'must' }, call);
      const record = (await store.read(recordName(id), call))?.bytes ?? new Uint8Array();
      t.equal(JSON.parse(Buffer.from(record).toString()).versions[0].algorithm, algorithm);
      const { output, error } = await read(env, write(`record ${n}`, record));
      t.ok(output === Buffer.from(key.expose()).toString('base64'), `${algorithm}, ${length} bytes ${error}`);
    });
    await Promise.all(readBack);
    const record = Buffer.from((await store.read(recordName('pvc'), call))?.bytes ?? []).toString();
    if (record === '') continue;
    t.not(
      (await read(env, write('record', record.replace('"id":"pvc"', '"id":"qvc"')))).error,
      '',
      'under its id only',
    );
  }
});

function place(t: Test, name: string, env: Record<string, string>): Promise<string> {
  return (KEK_PLACES[name] as (typeof KEK_PLACES)[string])(t, env).then(({ uri }) => uri);
}

async function hsmRows(env: Record<string, string>): Promise<[string, string, Record<string, number>][]> {
  const admin = keyAdmin(env['AZURE_MANAGEDHSM_URL'] ?? '');
  const rows = [256, 192, 128].map(async (keySize): Promise<[string, string, Record<string, number>]> => {
    const { name } = await admin.createOctKey(unique('kek'), { hsm: true, keySize });
    const uri = uriText('kms://azure', { ...hsmQuery(env), keyName: name, algorithm: `A${keySize}KW` });
    return [`azure-a${keySize}kw+aes-256-gcm`, uri, { pvc: 32 }];
  });
  return Promise.all(rows);
}

/** The words of the page's table, but for the cluster KEK's. */
function pageWords(): string[] {
  const page = readFileSync(join(import.meta.dirname, '../../docs/formats/wrapped-record.md'), 'utf8');
  const table = page.slice(page.indexOf('### Algorithms'), page.indexOf('### Cluster KEK'));
  const cells = table.split('\n').flatMap((line) => /^\| (`.+?) \| `kms:\/\/(?!cluster)/.exec(line)?.[1] ?? []);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word ?? ''));
}

/** What the reader needs to reach the emulators as the page says. */
async function cloudEnv(t: Test, env: Record<string, string>, hsm: boolean): Promise<Record<string, string>> {
  const form = { grant_type: 'client_credentials', client_id: 'key-service', client_secret: 'any' };
  const token = async (scope: string) => {
    const body = new URLSearchParams({ ...form, scope: `https://${scope}/.default` });
    const answer = await fetch(`${env['OIDC_URL']}/tenant-1/v2.0/token`, { method: 'POST', body });
    return ((await answer.json()) as { access_token: string }).access_token;
  };
  return {
    ...env,
    SSL_CERT_FILE: env['NODE_EXTRA_CA_CERTS'] ?? '',
    AZURE_TOKEN: await token(hsm ? 'managedhsm.azure.net' : 'vault.azure.net'),
    GCP_TOKEN: 'any',
    GCP_KMS: await restOfCloudKms(t, env['GCP_KMS_ENDPOINT'] ?? ''),
  };
}

/** Cloud KMS over HTTP and JSON, as Google maps it; the emulator speaks gRPC alone. */
async function restOfCloudKms(t: Test, address: string): Promise<string> {
  const admin = kmsAdmin(t, address);
  const { url } = await fakeHttp(t, ({ path, body }, response) => {
    const { ciphertext, additionalAuthenticatedData } = JSON.parse(body) as Record<string, string>;
    const name = /^\/v1\/(projects\/.+):decrypt$/.exec(path)?.[1] ?? '';
    const bytes = (text = '') => Buffer.from(text, 'base64');
    const asked = {
      name,
      ciphertext: bytes(ciphertext),
      additionalAuthenticatedData: bytes(additionalAuthenticatedData),
    };
    admin.decrypt(asked).then(
      ([{ plaintext }]) =>
        answerJson(response, 200, { plaintext: Buffer.from(plaintext as Uint8Array).toString('base64') }),
      (error: Error) => answerJson(response, 400, { error: { message: error.message } }),
    );
  });
  return url;
}

/** The name of an id's record, computed as the page says, in Python. */
function pythonName(id: string): string {
  const program = [
    'import hashlib, sys, urllib.parse',
    'id = sys.stdin.buffer.read()',
    "encoded = urllib.parse.quote(id, safe='')",
    "name = encoded if len(encoded) <= 600 else encoded[:600] + '.' + hashlib.sha256(id).hexdigest()",
    "print(f'data-keys/{name}.json', end='')",
  ].join('\n');
  const name = spawnSync(python, ['-c', program], { input: id, encoding: 'utf8' }).stdout;
  return name === recordName(id) ? name : `${name} is not ${recordName(id)}`;
}
