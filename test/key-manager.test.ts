import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import * as entry from '../src/key-manager.ts';
import { openKeyManagerStorage } from '../src/key-manager.ts';
import { rejection } from './support/rejection.ts';

t.test('the entry point gives what an application needs, and nothing of the service', async (t) => {
  t.same(Object.keys(entry).sort(), [
    'GetKeyError',
    'KeyChangedError',
    'KeyManager',
    'KeysteadError',
    'RoundTripCipher',
    'SecretBytes',
    'SecretKeyValue',
    'dataKeySource',
    'environmentSource',
    'fileSource',
    'memoryKeyRing',
    'moduleSource',
    'openKeyManagerStorage',
    'openParameterSource',
    'scheduledRotation',
    'systemClock',
    'systemRandom',
    'watchKey',
  ]);
});

/** The packages and our own folders that a program with this text loads. */
async function loadedBy(program: string): Promise<{ packages: string[]; folders: string[] }> {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
    const keys = await import(${JSON.stringify(new URL('../src/key-manager.ts', import.meta.url))});
    ${program}
    process.stdout.write(loaded.join('\\n'));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  const loaded = stdout.split('\n').filter((url) => !url.startsWith('node:'));
  const named = (pattern: RegExp) => [...new Set(loaded.flatMap((url) => pattern.exec(url)?.[1] ?? []))].sort();
  return {
    packages: named(/node_modules\/((?:@[^/]+\/)?[^/]+)/),
    folders: named(/\/src\/((?:providers\/)?[^/]+)\//),
  };
}

t.test('no server and no cloud is loaded, until a URI asks for one', async (t) => {
  const work = `
    const manager = new keys.KeyManager();
    manager.defineKey({ name: 'K', store: () => 'v', useCase: 'ROUND_TRIP' });
    await manager.getForwardPathKey('K');
  `;
  const folders = ['config', 'core', 'key-manager', 'key-sources', 'providers', 'wiring'];
  const bare = await loadedBy(work);
  t.same(bare.packages, ['@noble/hashes', 'typebox']);
  t.same(bare.folders, folders);
  const cluster = await loadedBy(`
    const key = Buffer.alloc(32, 1).toString('base64url');
    const kms = \`kms://cluster-kms?key=\${key}&salt=\${key}\`;
    await (await keys.openKeyManagerStorage({ kms, storage: 'storage://memory' })).close();
  `);
  t.same(cluster.packages, ['@noble/hashes', 'typebox']);
  t.same(cluster.folders, [...folders, 'providers/cluster', 'providers/memory'].sort());
});

t.test('states and rings are sealed by the KEK of a URI and kept in the store of another', async (t) => {
  const key = Buffer.alloc(32, 1).toString('base64url');
  const storage = await openKeyManagerStorage({
    kms: 'kms://cluster-kms?key=env://SECRET&salt=env://SALT',
    storage: 'storage://memory',
    env: { SECRET: 'a master secret of the test', SALT: 'a salt of thirty-two bytes or more' },
  });
  t.teardown(() => storage.close());
  const begin = () => {
    const manager = new entry.KeyManager(storage);
    manager.defineKey({ name: 'K', store: () => key, useCase: 'ROUND_TRIP', stateless: false });
    return manager;
  };
  const before = begin();
  await before.getForwardPathKey('K');
  await before.saveStates();
  t.equal((await begin().getKey('K')).text(), key);
  const cipher = new entry.RoundTripCipher({
    manager: begin(),
    name: 'K',
    ring: storage.keyRing('K'),
    random: entry.systemRandom,
  });
  const opened = await cipher.decrypt(await cipher.encrypt(Buffer.from('data')));
  t.equal(Buffer.from(opened.expose()).toString(), 'data');
});

t.test('what cannot keep or seal states is refused when it is opened', async (t) => {
  const kms = 'kms://cluster-kms';
  t.match(await rejection(openKeyManagerStorage({ kms, storage: 'storage://memory' })), { reason: 'sealed' });
  t.match(await rejection(openKeyManagerStorage({ kms, storage: 'storage://no-store' })), { reason: 'not-supported' });
  t.match(await rejection(openKeyManagerStorage({ kms: 'kms://x', storage: 'storage://memory' })), {
    reason: 'bad-uri',
  });
});
