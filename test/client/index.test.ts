import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import * as client from '../../src/client/index.ts';

t.test('the entry point gives the client, its error and its secret', async (t) => {
  t.same(Object.keys(client).sort(), ['CoalescedGets', 'KeysteadClient', 'KeysteadError', 'SecretBytes']);
});

t.test('the client loads no package but the hash library, also while it works', async (t) => {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
    const { KeysteadClient } = await import(${JSON.stringify(new URL('../../src/client/index.ts', import.meta.url))});
    const client = new KeysteadClient({ server: 'https://127.0.0.1:9', caFile: '/nowhere', retries: 0 });
    await client.getDataKey('a').catch(() => undefined);
    process.stdout.write(loaded.join('\\n'));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  const loaded = stdout.split('\n').filter((url) => !url.startsWith('node:'));
  const packages = loaded.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  t.same([...new Set(packages)], ['@noble/hashes']);
  const ours = loaded.flatMap((url) => /\/src\/([^/]+\/.*)$/.exec(url)?.[1] ?? []);
  t.ok(ours.includes('client/tls-fetch.ts'), 'the hook sees what is loaded late');
  t.same(
    ours.filter((path) => !path.startsWith('client/')).sort(),
    ['data-key-id', 'derive', 'encoding', 'errors', 'secret-bytes', 'unreadable'].map((name) => `core/${name}.ts`),
  );
});
