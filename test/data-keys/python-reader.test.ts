import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { recordName } from '../../src/data-keys/record-name.ts';
import { secretOf } from '../support/cluster-kek.ts';
import { testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';
import golden from '../vectors/wrapped-record-v1.json' with { type: 'json' };

const call = testCall();
const reader = join(import.meta.dirname, '../../docs/formats/read-record.py');
const hasPython = spawnSync('python3', ['-c', 'import cryptography']).status === 0;
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

function read(...args: string[]): { readonly output: string; readonly error: string } {
  const { stdout, stderr } = spawnSync('python3', [reader, ...args], { encoding: 'utf8' });
  return { output: stdout.trim(), error: stderr };
}

t.test('a reader of another language opens every golden record', { skip }, async (t) => {
  const { path, write } = folder(t);
  write('mastersecret', Buffer.from(golden.masterSecret, 'base64'));
  write('salt', Buffer.from(golden.salt, 'base64'));
  for (const { id, record, keys } of golden.records) {
    const file = write('record', record);
    t.equal(read(path, file).output, keys.at(-1)?.key, `the newest of ${JSON.stringify(id.slice(0, 20))}`);
    for (const { version, key } of keys.slice(0, -1)) t.equal(read(path, file, String(version)).output, key);
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
    t.equal(read(path, file).output, Buffer.from(key.expose()).toString('base64'));
  }
});

t.test('it says so when the key is purged, the KEK is another one, or the record was changed', { skip }, async (t) => {
  const { path, write } = folder(t);
  write('mastersecret', Buffer.from(golden.masterSecret, 'base64'));
  write('salt', Buffer.from(golden.salt, 'base64'));
  const record = golden.records[0]?.record ?? '';
  t.match(read(path, write('record', record.replace('"id":"pvc', '"id":"qvc'))).error, /InvalidTag/);
  t.match(read(path, write('record', golden.tombstones[0]?.record ?? '')).error, /purged: no key is left/);
  write('salt', new Uint8Array(32));
  t.match(read(path, write('record', record)).error, /wrapped by another KEK/);
});

/** The name of an id's record, computed as the page says, in Python. */
function pythonName(id: string): string {
  const program = [
    'import hashlib, sys, urllib.parse',
    'id = sys.stdin.buffer.read()',
    "encoded = urllib.parse.quote(id, safe='')",
    "name = encoded if len(encoded) <= 600 else encoded[:600] + '.' + hashlib.sha256(id).hexdigest()",
    "print(f'data-keys/{name}.json', end='')",
  ].join('\n');
  const name = spawnSync('python3', ['-c', program], { input: id, encoding: 'utf8' }).stdout;
  return name === recordName(id) ? name : `${name} is not ${recordName(id)}`;
}
