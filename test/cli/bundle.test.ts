import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { ownPlace } from '../support/own-place.ts';

const root = normalize(join(import.meta.dirname, '../..'));
// Inside the package, as the real one is.
const bundle = join(t.testdir(), 'cli');
execFileSync(process.execPath, [join(root, '.ci/bundle.ts'), bundle]);

const main = (args: readonly string[]) => [join(bundle, 'main.js'), ...args];
const run = (...args: string[]) => execFileSync(process.execPath, main(args), { encoding: 'utf8', env: {} });

function serve(t: { teardown(fn: () => unknown): void }, ...flags: string[]): ChildProcess {
  const free = ['--http-listen', '127.0.0.1:0', '--grpc-listen', '127.0.0.1:0'];
  const child = spawn(process.execPath, main(['serve', '--dev', ...free, ...flags]), {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {},
  });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

async function ready(child: ChildProcess): Promise<{ http: string }> {
  const seen: string[] = [];
  for await (const line of createInterface({ input: child.stderr as NonNullable<ChildProcess['stderr']> })) {
    if (line.includes('"msg":"ready"')) {
      child.stderr?.resume();
      return JSON.parse(line);
    }
    seen.push(line);
  }
  throw new Error(`the service did not start:\n${seen.join('\n')}`);
}

t.test('the bundle knows the version of its package and prints the OpenAPI document', async (t) => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  t.equal(run('--version').trim(), version);
  t.match(run('openapi'), /^openapi: 3\.1\.0\n/);
});

for (const workers of ['1', '2']) {
  t.test(`the bundle serves keys with ${workers} worker(s) and ends in order`, async (t) => {
    const child = serve(t, '--workers', workers);
    const exited = once(child, 'exit');
    const { http } = await ready(child);
    const status = (await (await fetch(`${http}/v1/system/status`)).json()) as { version: string };
    t.match(status.version, /^\d/);
    const key = () => run('data-key', 'get', 'a', '--server', http);
    t.equal(key(), key());
    child.kill('SIGTERM');
    t.same(await exited, [0, null]);
  });
}

t.test('secrets keeps what Node compiled, and no other command does', async (t) => {
  const file = join(t.testdir({ 'f.yml': 'path: /a\nregion: r\nkmskey: k\nparameters: []\n' }), 'f.yml');
  const own = ownPlace(t);
  const caches = own ?? join(file, '..');
  const kept = join(caches, 'keystead', 'compiled');
  const within = (...args: string[]) =>
    execFileSync(process.execPath, main(args), { env: { XDG_CACHE_HOME: caches }, stdio: 'pipe' });
  within('openapi');
  t.notOk(existsSync(kept));
  within('secrets', 'check', '--offline', file);
  // Where a checkout is for others to write, too, there is no such place.
  t.equal(existsSync(kept) && readdirSync(kept, { recursive: true }).length > 20, own !== undefined);
});

t.test('the bundle holds no cloud SDK, and the licences of what it holds', async (t) => {
  const licences = readFileSync(join(bundle, 'THIRD-PARTY-LICENSES'), 'utf8');
  const packages = [...licences.matchAll(/^(\S+) \d\S* \(/gm)].map((match) => match[1] as string);
  t.ok(packages.includes('fastify'));
  t.same(
    packages.filter((name) => /^@(aws|azure|google)/.test(name)),
    [],
  );
  // Two hundred commands and doors at most, each loaded when it is asked for: not the thousand files of the packages.
  t.ok(readdirSync(bundle).length < 200);
});

t.test('where a cloud SDK is not installed, the service does not start, and says what to run', async (t) => {
  // Outside the checkout nothing leads to its node_modules.
  const away = mkdtempSync(join(tmpdir(), 'keystead-bundle-'));
  t.teardown(() => rmSync(away, { recursive: true }));
  cpSync(bundle, join(away, 'cli'), { recursive: true });
  cpSync(join(root, 'package.json'), join(away, 'package.json'));
  const wrap = 'kms://cluster-kms?mode=wrap';
  for (const [name, kms, storage = 'storage://memory'] of [
    ['@aws-sdk/client-kms', 'kms://aws?keyName=alias/x&region=eu-west-1'],
    ['@google-cloud/kms', 'kms://gcp?projectID=p&location=l&keyRing=r&keyName=k'],
    ['@azure/keyvault-keys', 'kms://azure?vaultName=v&vaultType=vault.azure.net&keyName=k'],
    ['@aws-sdk/client-s3', wrap, 'storage://aws?bucket=abc&region=eu-west-1'],
    ['@google-cloud/storage', wrap, 'storage://gcp?projectID=p&bucket=abc'],
    ['@azure/storage-blob', wrap, 'storage://azure?account=abc&container=abc'],
  ] as const) {
    const args = [join(away, 'cli/main.js'), 'serve', '--kms', kms, '--storage', storage];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env: {} });
    t.equal(status, 69, name);
    t.match(stderr, `${name} is not installed; run: npm install ${name} (sdk-not-installed)`);
  }
});
