import { mkdir, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import type { ParameterStore } from '../../src/core/parameters.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { KeyManager } from '../../src/key-manager/key-manager.ts';
import type { SecretKeyValue } from '../../src/key-manager/secret-key-value.ts';
import { watchKey } from '../../src/key-manager/watch-key.ts';
import { dataKeySource } from '../../src/key-sources/data-key-source.ts';
import { environmentSource } from '../../src/key-sources/environment-source.ts';
import { fileSource } from '../../src/key-sources/file-source.ts';
import { moduleSource } from '../../src/key-sources/module-source.ts';
import { parameterSource } from '../../src/key-sources/parameter-source.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { rejection } from '../support/rejection.ts';
import { testCall } from '../support/services.ts';

/** Of the forward key of a pair that a change tells. */
const textOf = (pair: unknown) => (pair as readonly [SecretKeyValue])[0].text();
const read = async (source: { read(): unknown }) => source.read();

t.test('a variable of the environment is read anew each time', async (t) => {
  const env: Record<string, string | undefined> = { KEY: 'one' };
  const source = environmentSource(env, 'KEY');
  t.equal(await read(source), 'one');
  env['KEY'] = 'two';
  t.equal(await read(source), 'two');
  delete env['KEY'];
  t.match(await rejection(read(source)), { reason: 'bad-key-value', message: /KEY is not set/ });
});

t.test('a file is its bytes, or its text without the line break that editors add', async (t) => {
  const path = join(t.testdir({ key: 'text\n' }), 'key');
  const clock = new FakeClock();
  t.same(await read(fileSource({ path, as: 'bytes', clock })), Buffer.from('text\n'));
  t.equal(await read(fileSource({ path, as: 'text', clock })), 'text');
  t.match(await rejection(read(fileSource({ path: `${path}-not`, as: 'text', clock }))), { reason: 'no-file' });
});

t.test('a mounted Secret that is swapped raises the change', async (t) => {
  const folder = t.testdir({ '..one': { key: 'first' } });
  await symlink('..one', join(folder, '..data'));
  await symlink('..data/key', join(folder, 'key'));
  const clock = new FakeClock();
  const manager = new KeyManager();
  const store = fileSource({ path: join(folder, 'key'), as: 'text', clock });
  manager.defineKey({ name: 'K', store, useCase: 'ROUND_TRIP' });
  const changed = new Promise<string[]>((resolve) => {
    manager.registerOnChange('K', (old, next) => resolve([old, next].map((pair) => textOf(pair))));
  });
  const watch = await watchKey(manager, 'K', { failed: (error) => t.fail(String(error)) });
  const look = async () => {
    while (clock.sleepers === 0) await new Promise(setImmediate);
    await clock.advance(1000);
  };
  for (let n = 0; n < 2; n++) await look();
  await mkdir(join(folder, '..two'));
  await writeFile(join(folder, '..two/key'), 'second');
  await symlink('..two', join(folder, '..new'));
  await rename(join(folder, '..new'), join(folder, '..data'));
  const ticking = { on: true };
  const ticks = (async () => {
    while (ticking.on) await look();
  })();
  t.same(await changed, ['first', 'second']);
  ticking.on = false;
  await ticks;
  await watch.close();
  await unlink(join(folder, 'key'));
});

t.test('a module is loaded again when its file has changed', async (t) => {
  const path = join(t.testdir({ 'keys.mjs': "export const seal = 's1'; export const open = 'o1';" }), 'keys.mjs');
  const url = pathToFileURL(path);
  t.same(await read(moduleSource(url, ['seal', 'open'])), ['s1', 'o1']);
  await writeFile(path, "export const seal = 'second'; export const open = 'o2';");
  t.equal(await read(moduleSource(url, 'seal')), 'second');
  t.match(await rejection(read(moduleSource(url, 'none'))), { reason: 'bad-key-value' });
  t.match(await rejection(read(moduleSource(pathToFileURL(`${path}x`), 'seal'))), { reason: 'no-file' });
});

t.test('a data key of the service is a key, and its rotation a change', async (t) => {
  let version = 1;
  const asked: unknown[] = [];
  const client = {
    async getDataKey(id: string, options?: object) {
      asked.push([id, options]);
      return { version, key: SecretBytes.copyOf(Buffer.from(`key ${version} of 32 bytes length...`)) };
    },
  };
  const clock = new FakeClock();
  const store = dataKeySource({ client, id: 'app/sessions', length: 32, clock, interval: 5000 });
  const manager = new KeyManager();
  manager.defineKey({ name: 'K', store, useCase: 'ROUND_TRIP' });
  t.match((await manager.getForwardPathKey('K')).text(), /^key 1/);
  t.same(asked, [['app/sessions', { length: 32 }]]);
  const changes: string[] = [];
  manager.registerOnChange('K', (_old, next) => void changes.push(textOf(next)));
  const watch = await watchKey(manager, 'K', { failed: (error) => t.fail(String(error)) });
  for (const next of [1, 2]) {
    while (clock.sleepers === 0) await new Promise(setImmediate);
    version = next;
    await clock.advance(5000);
  }
  while (clock.sleepers === 0) await new Promise(setImmediate);
  await watch.close();
  t.same(changes, ['key 2 of 32 bytes length...']);
});

t.test('a data key that changes without another version, or before the first look, is told', async (t) => {
  let letter = 'a';
  const looks: string[] = [];
  const client = {
    async getDataKey() {
      const key = SecretBytes.copyOf(Buffer.alloc(32, letter));
      looks.push(letter);
      // The key changes between the read of whoever watches and the first look.
      if (looks.length === 2) letter = 'b';
      return { version: 1, key };
    },
  };
  const clock = new FakeClock();
  const manager = new KeyManager();
  manager.defineKey({
    name: 'K',
    store: dataKeySource({ client, id: 'app/sessions', clock, interval: 5000 }),
    useCase: 'ROUND_TRIP',
  });
  const changes: string[] = [];
  manager.registerOnChange('K', (old, next) => void changes.push(`${textOf(old)[0]} to ${textOf(next)[0]}`));
  const watch = await watchKey(manager, 'K', { failed: (error) => t.fail(String(error)) });
  for (const next of ['b', 'c']) {
    while (clock.sleepers === 0) await new Promise(setImmediate);
    letter = next;
    await clock.advance(5000);
  }
  while (clock.sleepers === 0) await new Promise(setImmediate);
  await watch.close();
  t.same(changes, ['a to b', 'b to c']);
});

t.test('a parameter is text or bytes, and never text that was made up', async (t) => {
  const bytes = Uint8Array.of(0xff, 0x00, 0xfe);
  const store = {
    uri: 'parameters://test',
    read: async () => new Map([['place', { value: SecretBytes.copyOf(bytes) }]]),
  } as unknown as ParameterStore;
  const options = { store, place: 'place', call: () => testCall(), clock: new FakeClock() };
  t.same(((await read(parameterSource({ ...options, as: 'bytes' }))) as SecretKeyValue).expose(), bytes);
  t.match(await rejection(read(parameterSource(options))), { reason: 'bad-key-value', message: /is not UTF-8/ });
});

t.test('a change that could not be read when it was told is told at the next look', async (t) => {
  let letter = 'a';
  let away = false;
  let asked = 0;
  const client = {
    async getDataKey() {
      asked += 1;
      // The look sees that the key has changed; the read that follows fails.
      if (away && asked % 2 === 0) throw new Error('away');
      return { version: 1, key: SecretBytes.copyOf(Buffer.alloc(32, letter)) };
    },
  };
  const clock = new FakeClock();
  const manager = new KeyManager();
  const store = dataKeySource({ client, id: 'app/sessions', clock, interval: 5000 });
  manager.defineKey({ name: 'K', store, useCase: 'ROUND_TRIP' });
  const changes: string[] = [];
  manager.registerOnChange('K', (_old, next) => void changes.push(textOf(next)[0] as string));
  const failed: unknown[] = [];
  const watch = await watchKey(manager, 'K', { failed: (error) => failed.push(error) });
  while (clock.sleepers === 0) await new Promise(setImmediate);
  letter = 'b';
  asked = 0;
  away = true;
  for (let n = 0; n < 2; n++) {
    await clock.advance(5000);
    while (clock.sleepers === 0) await new Promise(setImmediate);
    away = false;
  }
  await watch.close();
  t.same(failed, [new Error('away')]);
  t.same(changes, ['b']);
});
